"""A visit's status at an instant: the table of the contract's "Reading"."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from projections.schedule.windows import Window

StatusCode = Literal["upcoming", "open", "partial", "completed", "overdue", "missed", "cancelled"]
Timeliness = Literal["on_time", "late"]

STATUS: Final[Mapping[StatusCode, str]] = {
    "upcoming": "待进行",
    "open": "待进行",
    "partial": "待进行",
    "completed": "已完成",
    "overdue": "已逾期",
    "missed": "已逾期",
    "cancelled": "已取消",
}
"""A code in the words that sites read. ``cancelled`` is listed only where somebody asks for it."""


class VisitState(msgspec.Struct, frozen=True):
    """What is known of a visit.

    ``forms`` holds, per instrument, the instant that counts for the first report that was placed there
    (see ``clock.recorded_instant``).
    """

    window: Window
    required: tuple[str, ...]
    forms: Mapping[str, datetime]
    cancelled_at: datetime | None = None
    optional: tuple[str, ...] = ()

    def counts(self, recorded_at: datetime) -> bool:
        """Whether a report of that instant can complete this visit: in [opens_at, late_until), not cancelled.

        The contract says "recorded before lateUntil"; a report recorded before the window opened describes
        another period of the patient's life, so it does not count either.
        """
        within = self.window.opens_at <= recorded_at < self.window.late_until
        return within and (self.cancelled_at is None or recorded_at < self.cancelled_at)


class Completion(msgspec.Struct, frozen=True):
    """When a visit was complete: the last of its required instruments."""

    completed_at: datetime
    timeliness: Timeliness


def timeliness(window: Window, completed_at: datetime) -> Timeliness:
    """``on_time`` before the window closes, ``late`` from then on."""
    return "on_time" if completed_at < window.closes_at else "late"


def completion(state: VisitState) -> Completion | None:
    """The visit's completion, or None while a required instrument is missing."""
    forms = state.forms
    instants = []
    for instrument in state.required:
        at = forms.get(instrument)
        if at is None or not state.counts(at):
            return None
        instants.append(at)
    completed_at = max(instants)
    return Completion(completed_at, timeliness(state.window, completed_at))


def status_at(state: VisitState, now: datetime) -> StatusCode:
    """The one status of a visit at ``now``.

    Completed is final: no clock, no later report and no cancellation turns it into something else. A visit of
    which only some instruments are in is ``partial`` while its window is open; from then on it is as overdue
    as one without any.
    """
    if completion(state) is not None:
        return "completed"
    if state.cancelled_at is not None and state.cancelled_at <= now:
        return "cancelled"
    if now < state.window.opens_at:
        return "upcoming"
    if now >= state.window.late_until:
        return "missed"
    if now >= state.window.closes_at:
        return "overdue"
    some = any(name in state.forms and state.counts(state.forms[name]) for name in state.required)
    return "partial" if some else "open"
