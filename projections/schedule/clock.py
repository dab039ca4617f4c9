"""Wall clocks and patients' clocks: from a local time to an instant, and what a skewed phone's is worth."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

MAX_CLOCK_AHEAD: Final = timedelta(minutes=5)
"""How far ``recordedAt`` may lie after ``receivedAt`` and still count (contract, "Reading")."""

CLOCK_AHEAD: Final = "clock_ahead"
OTHER_TIME_ZONE: Final = "other_time_zone"


class RecordedInstant(msgspec.Struct, frozen=True):
    """The instant that counts for a report, in UTC, and the clock flags it earned."""

    at: datetime
    flags: tuple[str, ...] = ()


def local_instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks in ``zone`` show ``wall`` on ``day``.

    A wall time in a spring gap takes the offset before the gap, so 02:30 becomes what clocks then call 03:30;
    in an autumn overlap it is the first of the two (contract, "Reading"). Both are what ``fold=0`` means in
    PEP 495.
    """
    return datetime.combine(day, wall.replace(tzinfo=None, fold=0), tzinfo=zone).astimezone(UTC)


def recorded_instant(recorded_at: datetime, received_at: datetime) -> RecordedInstant:
    """The instant that counts for a report: the phone's, unless it lies more than 5 minutes in the future.

    A phone that is slow, or that told us late, is believed: status follows the data event. One whose clock is
    ahead by more than 5 minutes is flagged ``clock_ahead`` and the broker's time counts instead.

    Args:
        recorded_at: the report's ``recordedAt``, aware.
        received_at: the broker's time, aware.
    """
    recorded, received = recorded_at.astimezone(UTC), received_at.astimezone(UTC)
    if recorded - received > MAX_CLOCK_AHEAD:
        return RecordedInstant(received, (CLOCK_AHEAD,))
    return RecordedInstant(recorded)


def clock_flags(reported_zone: str, enrolled_zone: str) -> tuple[str, ...]:
    """``other_time_zone`` where the report names another zone than the enrolled one, which decides anyway."""
    return () if reported_zone == enrolled_zone else (OTHER_TIME_ZONE,)
