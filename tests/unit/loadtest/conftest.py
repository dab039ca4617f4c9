"""An assignment as a token file has it, and seeded randomness."""

from datetime import UTC, date, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from loadtest.reports import Assignment

ORDINARY_DAY = date(2026, 11, 22)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - a load that repeats, no secret


def assignment(zone: str = "Asia/Shanghai", day: date = ORDINARY_DAY, **changes: object) -> Assignment:
    """A patient whose morning window of that day is 08:00 to 11:00."""
    local = ZoneInfo(zone)
    made = Assignment(
        patientId="P-000123",
        studyId="EB-DEMO",
        siteId="S-01",
        timeZone=zone,
        visitId="V-0042",
        instrument="daily-symptoms",
        instrumentVersion="1.0",
        token="a.b.c",
        opensAt=datetime.combine(day, time(8), local).astimezone(UTC),
        closesAt=datetime.combine(day, time(11), local).astimezone(UTC),
    )
    return msgspec.structs.replace(made, **changes)
