"""Which window each report of a demonstration burst answers, so that a demo works at any hour of the day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from projections.schedule import PlannedVisit, VisitRule, latest_opened, plan_visits

MORNING: Final = "diary-am"


def morning_target(rules: Sequence[VisitRule], zone: ZoneInfo, now: datetime) -> PlannedVisit | None:
    """The latest opened morning window of a patient who started yesterday by the clocks in ``zone``.

    At whatever hour ``now`` is, yesterday's morning window has opened already, so there is one unless the
    schedule has no morning visit on the first two days.
    """
    started = now.astimezone(zone).date() - timedelta(days=1)
    return latest_opened(plan_visits(rules, started, zone), now, MORNING)
