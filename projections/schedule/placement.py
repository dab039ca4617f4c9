"""Where a report belongs: the matching rule of the contract's "Reading"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from projections.schedule.status import Completion, VisitState, completion

PlacementKind = Literal["completes", "partial", "optional", "extra", "unscheduled", "amendment"]

UNKNOWN_VISIT: Final = "unknown_visit"
INSTRUMENT_NOT_IN_VISIT: Final = "instrument_not_in_visit"
RECORDED_BEFORE_WINDOW: Final = "recorded_before_window"
RECORDED_AFTER_WINDOW: Final = "recorded_after_window"
VISIT_CANCELLED: Final = "visit_cancelled"
AMENDS_UNKNOWN: Final = "amends_unknown"


class Candidate(msgspec.Struct, frozen=True):
    """One of the patient's visits, as far as it is known before this report."""

    visit_id: str
    state: VisitState


class Placement(msgspec.Struct, frozen=True):
    """What a report does.

    - ``completes``: the last required instrument of ``visit_id``; ``completion`` says when and how.
    - ``partial``: a required instrument, others are still missing.
    - ``optional``: the first report of an instrument the visit asks for but does not require.
    - ``extra``: kept with ``visit_id`` and changes nothing: the instrument is in already, or the report was
      recorded outside the window (flagged).
    - ``unscheduled``: belongs to no visit.
    - ``amendment``: belongs to the visit of the report it amends and changes nothing there.

    The first three add the instrument to the visit's forms; no other kind changes the visit.
    """

    kind: PlacementKind
    visit_id: str | None = None
    completion: Completion | None = None
    flags: tuple[str, ...] = ()


def choose_visit(
    candidates: Sequence[Candidate], instrument: str, recorded_at: datetime, visit_id: str | None
) -> Placement:
    """Place a report that amends nothing.

    1. ``visit_id``, where it is one of the patient's and allows the instrument. A ``visit_id`` that is not
       the patient's, or does not allow the instrument, is flagged and rule 2 decides.
    2. The open window that allows the instrument and closes first; where none is open, the one still in its
       grace that closed last. Ties go to the lower visit id.
    3. Else ``unscheduled``.

    Args:
        candidates: the patient's visits. It is enough to give the named one and those whose
            [opens_at, late_until) holds ``recorded_at``.
        instrument: the report's.
        recorded_at: the instant that counts, in UTC (see ``recorded_instant``).
        visit_id: the report's, or None.
    """
    flags: tuple[str, ...] = ()
    if visit_id is not None:
        named = next((one for one in candidates if one.visit_id == visit_id), None)
        if named is not None and _allows(named.state, instrument):
            return _place(named, instrument, recorded_at, flags)
        flags = (UNKNOWN_VISIT,) if named is None else (INSTRUMENT_NOT_IN_VISIT,)
    found = _nearest(candidates, instrument, recorded_at)
    if found is None:
        return Placement("unscheduled", flags=flags)
    return _place(found, instrument, recorded_at, flags)


def place_amendment(amended_visit_id: str | None, known: bool) -> Placement:
    """Place a report that amends another.

    Args:
        amended_visit_id: the visit of the amended report, None where that one is unscheduled or unknown.
        known: whether the patient has a report of the amended id.
    """
    return Placement("amendment", amended_visit_id, flags=() if known else (AMENDS_UNKNOWN,))


def with_form(state: VisitState, instrument: str, recorded_at: datetime) -> VisitState:
    """The state after a report was placed as ``completes``, ``partial`` or ``optional``."""
    return VisitState(
        state.window,
        state.required,
        {**state.forms, instrument: recorded_at},
        state.cancelled_at,
        state.optional,
    )


def _allows(state: VisitState, instrument: str) -> bool:
    return instrument in state.required or instrument in state.optional


def _nearest(candidates: Sequence[Candidate], instrument: str, recorded_at: datetime) -> Candidate | None:
    best, best_rank = None, None
    for one in candidates:
        if not _allows(one.state, instrument) or not one.state.counts(recorded_at):
            continue
        closes_at = one.state.window.closes_at
        rank = (recorded_at >= closes_at, abs(closes_at - recorded_at), one.visit_id)
        if best_rank is None or rank < best_rank:
            best, best_rank = one, rank
    return best


def _place(visit: Candidate, instrument: str, recorded_at: datetime, flags: tuple[str, ...]) -> Placement:
    state = visit.state
    if not state.counts(recorded_at):
        return Placement("extra", visit.visit_id, flags=(*flags, _why_not(state, recorded_at)))
    if instrument in state.forms:
        return Placement("extra", visit.visit_id, flags=flags)
    if instrument not in state.required:
        return Placement("optional", visit.visit_id, flags=flags)
    done = completion(with_form(state, instrument, recorded_at))
    return Placement("partial" if done is None else "completes", visit.visit_id, done, flags)


def _why_not(state: VisitState, recorded_at: datetime) -> str:
    if recorded_at < state.window.opens_at:
        return RECORDED_BEFORE_WINDOW
    return RECORDED_AFTER_WINDOW if recorded_at >= state.window.late_until else VISIT_CANCELLED
