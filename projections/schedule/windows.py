"""From a schedule's rules to one patient's visits: dates, windows and visit ids."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from projections.schedule.clock import local_instant


class Window(msgspec.Struct, frozen=True):
    """When a visit may be filled in. Aware instants in UTC, ``opens_at < closes_at <= late_until``.

    In [opens_at, closes_at) a report is on time, in [closes_at, late_until) it is late.
    """

    opens_at: datetime
    closes_at: datetime
    late_until: datetime


class VisitRule(msgspec.Struct, frozen=True):
    """One line of a schedule: on which days after the anchor a visit falls, and its window by local clocks.

    ``days`` are offsets from the anchor date. The window opens ``opens_days_before`` days before the planned
    date and closes ``closes_days_after`` days after it.
    """

    code: str
    days: tuple[int, ...]
    opens: time
    closes: time
    grace: timedelta
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    opens_days_before: int = 0
    closes_days_after: int = 0


class PlannedVisit(msgspec.Struct, frozen=True):
    """One visit of one patient. ``planned_date`` is local to the patient's zone."""

    visit_id: str
    visit_code: str
    planned_date: date
    window: Window
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def window_on(rule: VisitRule, planned: date, zone: ZoneInfo) -> Window:
    """The rule's window around ``planned`` in ``zone``.

    Grace is elapsed time, not wall time. Where the clocks go forward between opens and closes such that the
    window would close before it opens (it opens inside the gap), it keeps its length by the wall clock.
    """
    opens_on = planned - timedelta(days=rule.opens_days_before)
    closes_on = planned + timedelta(days=rule.closes_days_after)
    opens_at = local_instant(opens_on, rule.opens, zone)
    closes_at = local_instant(closes_on, rule.closes, zone)
    if closes_at <= opens_at:
        closes_at = opens_at + (
            datetime.combine(closes_on, rule.closes) - datetime.combine(opens_on, rule.opens)
        )
    return Window(opens_at, closes_at, closes_at + rule.grace)


def plan_visits(rules: Sequence[VisitRule], anchor: date, zone: ZoneInfo) -> list[PlannedVisit]:
    """Every visit of a patient who starts on ``anchor`` in ``zone``, in the order in which the windows open.

    Visit ids are ``V-0001`` and so on in that order; windows that open together are ordered by their planned
    date, then as the schedule lists them. Patients of one anchor and zone get the same plan.
    """
    planned = [
        (window_on(rule, day, zone), day, position, rule)
        for position, rule in enumerate(rules)
        for day in (anchor + timedelta(days=offset) for offset in rule.days)
    ]
    planned.sort(key=lambda entry: (entry[0].opens_at, entry[1], entry[2]))
    return [
        PlannedVisit(f"V-{ordinal:04d}", rule.code, day, window, rule.required, rule.optional)
        for ordinal, (window, day, _, rule) in enumerate(planned, start=1)
    ]
