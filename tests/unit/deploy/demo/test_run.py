"""The demonstration's small bursts, and what it says is due."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from deploy.demo.run import batch_of, windows
from loadtest.reports import Assignment

OPENS = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
ONE = Assignment(
    patientId="P-000001",
    studyId="EB-DEMO",
    siteId="S-01",
    timeZone="Asia/Shanghai",
    visitId="V-0042",
    instrument="daily-symptoms",
    instrumentVersion="1.0",
    token="a.b.c",
    opensAt=OPENS,
    closesAt=OPENS + timedelta(hours=3),
)


def patients(count: int) -> list[Assignment]:
    return [msgspec.structs.replace(ONE, patientId=f"P-{number}") for number in range(count)]


def test_each_small_burst_is_of_other_patients_until_all_have_had_their_turn() -> None:
    waiting = patients(250)
    first, second, third = (batch_of(waiting, number, 100) for number in range(3))
    assert first + second == waiting[:200]
    assert third == waiting[200:] + waiting[:50]


@pytest.mark.parametrize(("count", "size"), [(3, 100), (100, 100), (7, 5), (1, 1)])
@pytest.mark.parametrize("number", [0, 1, 2, 999])
def test_nobody_is_twice_in_a_small_burst(count: int, size: int, number: int) -> None:
    chosen = batch_of(patients(count), number, size)
    assert len({one.patientId for one in chosen}) == len(chosen) == min(count, size)


def test_without_patients_there_is_no_burst() -> None:
    assert batch_of([], 3, 100) == []


def test_what_is_due_is_said_by_the_clocks_of_each_zone() -> None:
    berlin = msgspec.structs.replace(
        ONE,
        timeZone="Europe/Berlin",
        opensAt=OPENS + timedelta(hours=7),
        closesAt=OPENS + timedelta(hours=10),
    )
    assert list(windows([ONE, berlin, ONE])) == [
        "2 reports in Asia/Shanghai, of 2026-11-22 08:00 to 11:00",
        "1 reports in Europe/Berlin, of 2026-11-22 08:00 to 11:00",
    ]
