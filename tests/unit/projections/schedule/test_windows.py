from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.schedule import PlannedVisit, VisitRule, plan_visits

ZONES = [
    ZoneInfo(name)
    for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Pacific/Apia")
]
MORNING = VisitRule("am", tuple(range(7)), time(8), time(11), timedelta(hours=1), ("diary",))
EVENING = VisitRule("pm", tuple(range(7)), time(20), time(23), timedelta(hours=1), ("diary",))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def morning_of(day: date, zone: str) -> PlannedVisit:
    return plan_visits([MORNING], day, ZoneInfo(zone))[0]


def test_visits_are_numbered_in_the_order_in_which_they_open() -> None:
    plan = plan_visits([EVENING, MORNING], date(2026, 11, 22), ZoneInfo("Asia/Shanghai"))
    assert [visit.visit_id for visit in plan] == [f"V-{number:04d}" for number in range(1, 15)]
    assert [visit.visit_code for visit in plan[:4]] == ["am", "pm", "am", "pm"]
    assert plan[0].window.opens_at == utc("2026-11-22T00:00:00")
    assert plan[0].window.closes_at == utc("2026-11-22T03:00:00")
    assert plan[0].window.late_until == utc("2026-11-22T04:00:00")
    assert plan[2].planned_date == date(2026, 11, 23)


def test_windows_that_open_together_keep_the_order_of_the_schedule() -> None:
    other = VisitRule("weekly", (0,), time(8), time(20), timedelta(0), ("phq-9",))
    plan = plan_visits([other, MORNING], date(2026, 11, 22), ZoneInfo("Asia/Shanghai"))
    assert [visit.visit_code for visit in plan[:2]] == ["weekly", "am"]


@pytest.mark.parametrize(
    ("zone", "before", "changed", "after"),
    [
        ("Europe/Berlin", "2026-03-28T07:00:00", "2026-03-29T06:00:00", "2026-03-30T06:00:00"),
        ("Europe/Berlin", "2026-10-24T06:00:00", "2026-10-25T07:00:00", "2026-10-26T07:00:00"),
        ("America/New_York", "2026-03-07T13:00:00", "2026-03-08T12:00:00", "2026-03-09T12:00:00"),
        ("America/New_York", "2026-10-31T12:00:00", "2026-11-01T13:00:00", "2026-11-02T13:00:00"),
        ("Australia/Lord_Howe", "2026-10-02T21:30:00", "2026-10-03T21:00:00", "2026-10-04T21:00:00"),
    ],
)
def test_eight_in_the_morning_is_eight_by_the_patients_clock_on_days_when_clocks_change(
    zone: str, before: str, changed: str, after: str
) -> None:
    first = utc(before).astimezone(ZoneInfo(zone)).date()
    plan = plan_visits([MORNING], first, ZoneInfo(zone))
    assert [visit.window.opens_at for visit in plan[:3]] == [utc(before), utc(changed), utc(after)]


def test_a_window_may_open_days_before_and_close_days_after_its_date() -> None:
    rule = VisitRule("cycle", (21,), time(6), time(0), timedelta(days=1), ("diary",), (), 1, 2)
    (visit,) = plan_visits([rule], date(2026, 1, 1), ZoneInfo("Asia/Kolkata"))
    assert visit.planned_date == date(2026, 1, 22)
    assert visit.window.opens_at == utc("2026-01-21T00:30:00")
    assert visit.window.closes_at == utc("2026-01-23T18:30:00")
    assert visit.window.late_until == utc("2026-01-24T18:30:00")


def test_a_window_that_opens_inside_a_spring_gap_keeps_its_length() -> None:
    rule = VisitRule("night", (0,), time(2, 45), time(3, 15), timedelta(0), ("diary",))
    (visit,) = plan_visits([rule], date(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    assert visit.window.opens_at == utc("2026-03-29T01:45:00")
    assert visit.window.closes_at == utc("2026-03-29T02:15:00")


def test_patients_of_one_anchor_and_zone_share_a_plan() -> None:
    assert morning_of(date(2026, 3, 29), "Europe/Berlin") == morning_of(date(2026, 3, 29), "Europe/Berlin")


@given(
    st.sampled_from(ZONES),
    st.dates(date(2001, 1, 1), date(2099, 1, 1)),
    st.times(),
    st.times(),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_no_window_is_ever_empty(
    zone: ZoneInfo, anchor: date, opens: time, closes: time, before: int, after: int
) -> None:
    if (-before, opens) >= (after, closes):
        after += 1
    rule = VisitRule("any", (-1, 0, 40), opens, closes, timedelta(hours=1), ("diary",), (), before, after)
    plan = plan_visits([rule], anchor, zone)
    assert len(plan) == 3
    for visit in plan:
        assert visit.window.opens_at < visit.window.closes_at < visit.window.late_until
