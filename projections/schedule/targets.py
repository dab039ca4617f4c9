"""For demos and load tests: which window a made-up report should answer, and when it was recorded."""

from collections.abc import Iterable
from datetime import datetime

from projections.schedule.windows import PlannedVisit, Window


def latest_opened(
    visits: Iterable[PlannedVisit], now: datetime, visit_code: str | None = None
) -> PlannedVisit | None:
    """The visit whose window opened last, at ``now`` or before; the one that closes first of several.

    Args:
        visits: one patient's.
        now: an aware instant.
        visit_code: only visits of this code, such as ``diary-am``.
    """
    opened = [
        visit
        for visit in visits
        if visit.window.opens_at <= now and (visit_code is None or visit.visit_code == visit_code)
    ]
    latest = max((visit.window.opens_at for visit in opened), default=None)
    return min(
        (visit for visit in opened if visit.window.opens_at == latest),
        key=lambda visit: (visit.window.closes_at, visit.visit_id),
        default=None,
    )


def on_time_instant(window: Window, now: datetime, fraction: float) -> datetime:
    """An instant in [opens_at, min(now, closes_at)) at which a report would have been on time.

    Args:
        window: one that has opened at ``now``.
        now: an aware instant; where it is opens_at itself, that is the answer.
        fraction: in [0, 1), how far into that span.

    Raises:
        ValueError: the window has not opened yet.
    """
    if now < window.opens_at:
        raise ValueError("The window has not opened yet.")
    return window.opens_at + (min(now, window.closes_at) - window.opens_at) * fraction
