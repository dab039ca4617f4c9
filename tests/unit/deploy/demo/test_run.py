"""What the demonstration says is due."""

from datetime import UTC, datetime, timedelta

from deploy.demo.run import windows
from loadtest.reports import Assignment

OPENS = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)


def due(zone: str, opens: datetime) -> Assignment:
    return Assignment(
        "P-1",
        "EB-DEMO",
        "S-01",
        zone,
        "V-1",
        "daily-symptoms",
        "1.0",
        "a.b.c",
        opens,
        opens + timedelta(hours=3),
    )


def test_what_is_due_is_said_by_the_clocks_of_each_zone() -> None:
    shanghai, berlin = due("Asia/Shanghai", OPENS), due("Europe/Berlin", OPENS + timedelta(hours=7))
    assert list(windows([shanghai, berlin, shanghai])) == [
        "2 reports in Asia/Shanghai, of 2026-11-22 08:00 to 11:00",
        "1 reports in Europe/Berlin, of 2026-11-22 08:00 to 11:00",
    ]
