from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.schedule import clock_flags, local_instant, recorded_instant

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour of daylight saving
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "wall", "utc"),
    [
        (BERLIN, date(2026, 3, 29), time(2, 30), "2026-03-29T01:30"),
        (BERLIN, date(2026, 3, 29), time(8), "2026-03-29T06:00"),
        (NEW_YORK, date(2026, 3, 8), time(2, 30), "2026-03-08T07:30"),
        (LORD_HOWE, date(2026, 10, 4), time(2, 15), "2026-10-03T15:45"),
    ],
)
def test_a_wall_time_in_a_spring_gap_takes_the_offset_before_the_gap(
    zone: ZoneInfo, day: date, wall: time, utc: str
) -> None:
    assert local_instant(day, wall, zone) == datetime.fromisoformat(f"{utc}:00+00:00")


@pytest.mark.parametrize(
    ("zone", "day", "wall", "utc"),
    [
        (BERLIN, date(2026, 10, 25), time(2, 30), "2026-10-25T00:30"),
        (NEW_YORK, date(2026, 11, 1), time(1, 30), "2026-11-01T05:30"),
        (LORD_HOWE, date(2026, 4, 5), time(1, 45), "2026-04-04T14:45"),
    ],
)
def test_a_wall_time_in_an_autumn_overlap_is_its_first_occurrence(
    zone: ZoneInfo, day: date, wall: time, utc: str
) -> None:
    assert local_instant(day, wall, zone) == datetime.fromisoformat(f"{utc}:00+00:00")


def test_the_fold_of_a_wall_time_changes_nothing() -> None:
    day = date(2026, 10, 25)
    assert local_instant(day, time(2, 30, fold=1), BERLIN) == local_instant(day, time(2, 30), BERLIN)


@given(
    st.dates(date(2000, 1, 1), date(2100, 12, 31)),
    st.times(),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE]),
)
def test_clocks_show_the_wall_time_at_the_instant_or_are_in_a_gap(
    day: date, wall: time, zone: ZoneInfo
) -> None:
    instant = local_instant(day, wall, zone)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    asked = datetime.combine(day, wall)
    assert instant.tzinfo is UTC
    assert shown == asked or timedelta(0) < shown - asked <= timedelta(hours=1)


@pytest.mark.parametrize("ahead", [timedelta(days=-400), timedelta(0), timedelta(minutes=5)])
def test_a_phone_that_is_late_or_a_little_fast_is_believed(ahead: timedelta) -> None:
    counted = recorded_instant(NOON + ahead, NOON)
    assert (counted.at, counted.flags) == (NOON + ahead, ())


def test_a_phone_more_than_five_minutes_fast_is_flagged_and_the_time_of_receipt_counts() -> None:
    counted = recorded_instant(NOON + timedelta(minutes=5, microseconds=1), NOON)
    assert (counted.at, counted.flags) == (NOON, ("clock_ahead",))


def test_offsets_do_not_make_a_clock_fast() -> None:
    shanghai = timezone(timedelta(hours=8))
    counted = recorded_instant(NOON.astimezone(shanghai), NOON.astimezone(NEW_YORK))
    assert (counted.at, counted.at.tzinfo, counted.flags) == (NOON, UTC, ())


def test_another_zone_than_the_enrolled_one_is_flagged() -> None:
    assert clock_flags("Europe/Paris", "Europe/Berlin") == ("other_time_zone",)
    assert clock_flags("Europe/Berlin", "Europe/Berlin") == ()
