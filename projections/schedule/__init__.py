"""The schedule, pure: windows in a patient's zone, where a report belongs, a visit's status at an instant."""

from projections.schedule.clock import RecordedInstant, clock_flags, local_instant, recorded_instant
from projections.schedule.placement import (
    Candidate,
    Placement,
    PlacementKind,
    choose_visit,
    place_amendment,
    with_form,
)
from projections.schedule.status import (
    STATUS,
    Completion,
    StatusCode,
    Timeliness,
    VisitState,
    completion,
    status_at,
    timeliness,
)
from projections.schedule.targets import latest_opened, on_time_instant
from projections.schedule.windows import PlannedVisit, VisitRule, Window, plan_visits

__all__ = [
    "STATUS",
    "Candidate",
    "Completion",
    "Placement",
    "PlacementKind",
    "PlannedVisit",
    "RecordedInstant",
    "StatusCode",
    "Timeliness",
    "VisitRule",
    "VisitState",
    "Window",
    "choose_visit",
    "clock_flags",
    "completion",
    "latest_opened",
    "local_instant",
    "on_time_instant",
    "place_amendment",
    "plan_visits",
    "recorded_instant",
    "status_at",
    "timeliness",
    "with_form",
]
