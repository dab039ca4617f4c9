from datetime import UTC, date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.schedule import (
    STATUS,
    Candidate,
    StatusCode,
    VisitRule,
    VisitState,
    Window,
    choose_visit,
    completion,
    plan_visits,
    recorded_instant,
    status_at,
    with_form,
)

OPENS = datetime(2026, 11, 22, 8, tzinfo=UTC)
WINDOW = Window(OPENS, OPENS + timedelta(hours=3), OPENS + timedelta(hours=4))
ORDER: list[StatusCode] = ["upcoming", "open", "partial", "overdue", "missed"]
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")]
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 10, 4)]


def at(hours: float) -> datetime:
    return OPENS + timedelta(hours=hours)


def visit(*required: str, **forms: datetime) -> VisitState:
    return VisitState(WINDOW, required or ("diary",), forms)


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (at(-0.001), "upcoming"),
        (at(0), "open"),
        (at(2.999), "open"),
        (at(3), "overdue"),
        (at(3.999), "overdue"),
        (at(4), "missed"),
        (at(9000), "missed"),
    ],
)
def test_without_reports_a_visits_status_is_a_matter_of_time(now: datetime, status: str) -> None:
    assert status_at(visit(), now) == status


@pytest.mark.parametrize(
    ("recorded", "timeliness"),
    [(at(0), "on_time"), (at(2.999), "on_time"), (at(3), "late"), (at(3.999), "late")],
)
def test_a_report_recorded_before_late_until_completes(recorded: datetime, timeliness: str) -> None:
    done = completion(visit(diary=recorded))
    assert done is not None
    assert (done.completed_at, done.timeliness) == (recorded, timeliness)


@pytest.mark.parametrize("recorded", [at(-0.001), at(4)])
def test_a_report_recorded_outside_the_window_and_its_grace_completes_nothing(recorded: datetime) -> None:
    assert completion(visit(diary=recorded)) is None
    assert status_at(visit(diary=recorded), at(5)) == "missed"


def test_a_visit_of_two_instruments_is_partial_until_the_window_closes() -> None:
    half = visit("diary", "phq-9", diary=at(1))
    assert [status_at(half, at(hour)) for hour in (1, 3, 4)] == ["partial", "overdue", "missed"]


def test_the_last_required_instrument_says_when_a_visit_was_completed_and_how() -> None:
    done = completion(visit("diary", "phq-9", **{"diary": at(1), "phq-9": at(3.5)}))
    assert done is not None
    assert (done.completed_at, done.timeliness) == (at(3.5), "late")


def test_an_optional_instrument_alone_is_not_partial() -> None:
    state = VisitState(WINDOW, ("diary",), {"phq-9": at(1)}, None, ("phq-9",))
    assert status_at(state, at(1)) == "open"


def test_a_cancelled_visit_is_cancelled_from_then_on() -> None:
    state = VisitState(WINDOW, ("diary",), {}, cancelled_at=at(1))
    assert [status_at(state, at(hour)) for hour in (-1, 0.5, 1, 5)] == [
        "upcoming",
        "open",
        "cancelled",
        "cancelled",
    ]


def test_cancelling_does_not_undo_what_was_completed_before() -> None:
    assert status_at(VisitState(WINDOW, ("diary",), {"diary": at(0.5)}, at(1)), at(5)) == "completed"


def test_every_status_has_its_word() -> None:
    assert set(STATUS) == set(get_args(StatusCode))
    assert [STATUS[code] for code in ("upcoming", "open", "partial")] == ["待进行"] * 3
    assert STATUS["completed"] == "已完成"
    assert [STATUS[code] for code in ("overdue", "missed")] == ["已逾期"] * 2


instants = st.integers(-200_000, 200_000).map(lambda seconds: OPENS + timedelta(seconds=seconds))


@given(st.lists(instants, min_size=2), st.dictionaries(st.sampled_from(["a", "b", "c"]), instants))
def test_every_instant_has_one_status_and_time_only_moves_it_on(
    nows: list[datetime], forms: dict[str, datetime]
) -> None:
    state = VisitState(WINDOW, ("a", "b"), forms, None, ("c",))
    seen = [status_at(state, now) for now in sorted(nows)]
    if "completed" in seen:
        assert set(seen) == {"completed"}
    else:
        assert [ORDER.index(code) for code in seen] == sorted(ORDER.index(code) for code in seen)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-3, 3),
    st.floats(-50, 50),
)
def test_also_around_the_days_when_clocks_change(
    zone: ZoneInfo, changed: date, days: int, hours: float
) -> None:
    rule = VisitRule("am", tuple(range(5)), time(1), time(3, 30), timedelta(hours=1), ("diary",))
    plan = plan_visits([rule], changed + timedelta(days=days), zone)
    now = plan[2].window.opens_at + timedelta(hours=hours)
    codes = [status_at(VisitState(one.window, one.required, {}), now) for one in plan]
    assert [ORDER.index(code) for code in codes] == sorted(
        (ORDER.index(code) for code in codes), reverse=True
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "x"]), instants, instants, st.sampled_from([None, "V-0001", "V-9"])
        ),
        max_size=12,
    ),
    instants,
)
def test_no_late_or_skewed_report_turns_completed_into_something_else(
    reports: list[tuple[str, datetime, datetime, str | None]], now: datetime
) -> None:
    state, was = VisitState(WINDOW, ("a", "b"), {}), None
    for instrument, recorded_at, received_at, visit_id in reports:
        counted = recorded_instant(recorded_at, received_at)
        placed = choose_visit([Candidate("V-0001", state)], instrument, counted.at, visit_id)
        if placed.kind in ("completes", "partial", "optional"):
            state = with_form(state, instrument, counted.at)
        assert (placed.kind == "completes") == (was is None and completion(state) is not None)
        if was is not None:
            assert completion(state) == was
            assert status_at(state, now) == "completed"
        was = completion(state)
