"""Which visit each accepted report belongs to, and what that makes of the visit and its site's counters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import orjson

from projections.schedule import (
    Candidate,
    Placement,
    VisitState,
    Window,
    choose_visit,
    place_amendment,
    with_form,
)
from projections.sql import queries
from projections.store.entry import Entry, Outcome

_SQL = queries("store")
_CHANGES_VISIT = ("completes", "partial", "optional")


class Slot(msgspec.Struct, frozen=True):
    """A planned window and what it asks for. Immutable, so a worker keeps those it has seen."""

    window: Window
    required: tuple[str, ...]
    optional: tuple[str, ...]


class Visit(msgspec.Struct, gc=False):
    """One visit as this transaction sees it, this batch's earlier reports included."""

    patient_id: str
    visit_id: str
    slot_id: int
    site_id: str
    candidate: Candidate
    forms: dict[str, Any]
    completed_at: datetime | None
    timeliness: str | None
    received_at: datetime | None
    changed: bool = False


class Placing(msgspec.Struct):
    """What placing a batch came to: the visits to write and, per (site, slot, partition), what to add."""

    changed: list[Visit]
    partial: Counter[tuple[str, int, int]]
    on_time: Counter[tuple[str, int, int]]
    late: Counter[tuple[str, int, int]]
    completed: list[tuple[Entry, Visit]]


_Visits = dict[tuple[str, str], Visit]
_Item = tuple[Entry, Outcome]


async def place(connection: asyncpg.Connection, items: Sequence[_Item], slots: dict[int, Slot]) -> Placing:
    """Place the accepted reports of a batch, in offset order, and note the visit in their outcomes.

    Args:
        connection: in the batch's transaction.
        items: accepted entries with their outcomes, which get ``visit_id``, ``placement`` and flags.
        slots: those seen so far; missing ones are read and added.
    """
    await _place_amendments(connection, [item for item in items if item[0].report and item[0].report.amends])
    plain = [item for item in items if item[0].report and not item[0].report.amends]
    visits: _Visits = {}
    named = {
        (entry.report.patientId, entry.report.visitId)
        for entry, _ in plain
        if entry.report and entry.report.visitId is not None
    }
    await _read(connection, "named_visits", named, visits, slots)
    searching = {
        (entry.report.patientId, entry.recorded_at)
        for entry, _ in plain
        if entry.report and entry.recorded_at and not _named_allows(entry, visits)
    }
    await _read(connection, "visits_at", searching, visits, slots)
    return _place_all(plain, visits, {patient for patient, _ in searching})


async def write(connection: asyncpg.Connection, placing: Placing) -> None:
    """Write the changed visits and add to the counters, both in the order of their keys."""
    changed = sorted(placing.changed, key=lambda visit: (visit.patient_id, visit.visit_id))
    if changed:
        await connection.execute(
            _SQL["update_visits"],
            [visit.patient_id for visit in changed],
            [visit.visit_id for visit in changed],
            [visit.completed_at for visit in changed],
            [visit.received_at for visit in changed],
            [visit.timeliness for visit in changed],
            [orjson.dumps(visit.forms).decode() for visit in changed],
        )
    keys = sorted({*placing.partial, *placing.on_time, *placing.late})
    if keys:
        await connection.execute(
            _SQL["count_visits"],
            *(list(column) for column in zip(*keys, strict=True)),
            [placing.partial[key] for key in keys],
            [placing.on_time[key] for key in keys],
            [placing.late[key] for key in keys],
        )


async def _place_amendments(connection: asyncpg.Connection, items: Sequence[_Item]) -> None:
    """An amendment goes to the visit of the report it amends, and leaves that visit as it was."""
    if not items:
        return
    links = sorted(
        (entry.report.patientId, entry.report.amends.lower(), entry.report.report_id)
        for entry, _ in items
        if entry.report and entry.report.amends
    )
    patients, amended, reports = (list(column) for column in zip(*links, strict=True))
    await connection.execute(_SQL["add_amendments"], patients, amended, reports)
    rows = await connection.fetch(_SQL["amended_visits"], patients, amended)
    known = {(row["patient_id"], str(row["report_id"])): row["visit_id"] for row in rows}
    for entry, outcome in items:
        if entry.report and entry.report.amends:
            key = (entry.report.patientId, entry.report.amends.lower())
            _note(outcome, place_amendment(known.get(key), key in known))


async def _read(
    connection: asyncpg.Connection,
    query: str,
    keys: Iterable[tuple[Any, Any]],
    visits: _Visits,
    slots: dict[int, Slot],
) -> None:
    ordered = sorted(keys)
    if not ordered:
        return
    rows = await connection.fetch(_SQL[query], *(list(column) for column in zip(*ordered, strict=True)))
    unseen = {row["slot_id"] for row in rows} - slots.keys()
    if unseen:
        for slot in await connection.fetch(_SQL["slots"], sorted(unseen)):
            slots[slot[0]] = Slot(Window(slot[1], slot[2], slot[3]), tuple(slot[4]), tuple(slot[5]))
    for row in rows:
        key = (row[0], row[1])
        if key not in visits:
            visits[key] = _visit(row, slots[row[2]])


def _visit(row: asyncpg.Record, slot: Slot) -> Visit:
    forms = orjson.loads(row[6]) if row[6] else {}
    instants = {name: datetime.fromisoformat(form["recordedAt"]) for name, form in forms.items()}
    state = VisitState(slot.window, slot.required, instants, row[7], slot.optional)
    return Visit(row[0], row[1], row[2], row[3], Candidate(row[1], state), forms, row[4], row[5], row[8])


def _named_allows(entry: Entry, visits: _Visits) -> bool:
    report = entry.report
    if report is None or report.visitId is None:
        return False
    visit = visits.get((report.patientId, report.visitId))
    if visit is None:
        return False
    state = visit.candidate.state
    return report.instrument in state.required or report.instrument in state.optional


def _place_all(items: Sequence[_Item], visits: _Visits, searching: set[str]) -> Placing:
    placing = Placing([], Counter(), Counter(), Counter(), [])
    of_patient: dict[str, list[Visit]] = {}
    for visit in visits.values():
        if visit.patient_id in searching:
            of_patient.setdefault(visit.patient_id, []).append(visit)
    for entry, outcome in items:
        report, recorded_at = entry.report, entry.recorded_at
        if report is None or recorded_at is None:
            continue
        named = visits.get((report.patientId, report.visitId)) if report.visitId is not None else None
        if named is not None and _named_allows(entry, visits):
            candidates = [named.candidate]
        else:
            candidates = [visit.candidate for visit in of_patient.get(report.patientId, ())]
        placement = choose_visit(candidates, report.instrument, recorded_at, report.visitId)
        _note(outcome, placement)
        if placement.kind in _CHANGES_VISIT and placement.visit_id is not None:
            _change(visits[report.patientId, placement.visit_id], entry, placement, placing)
    return placing


def _note(outcome: Outcome, placement: Placement) -> None:
    outcome.visit_id = placement.visit_id
    outcome.placement = placement.kind
    outcome.flags = placement.flags


def _change(visit: Visit, entry: Entry, placement: Placement, placing: Placing) -> None:
    report, recorded_at = entry.report, entry.recorded_at
    if report is None or recorded_at is None:
        return
    state = visit.candidate.state
    was_partial = visit.completed_at is None and any(name in state.forms for name in state.required)
    visit.candidate = Candidate(visit.visit_id, with_form(state, report.instrument, recorded_at))
    visit.forms[report.instrument] = {
        "reportId": report.report_id,
        "recordedAt": recorded_at,
        "receivedAt": entry.received_at,
    }
    if visit.completed_at is None:
        visit.received_at = entry.received_at
    if not visit.changed:
        visit.changed = True
        placing.changed.append(visit)
    counter = (visit.site_id, visit.slot_id, entry.partition)
    if placement.kind == "partial" and not was_partial:
        placing.partial[counter] += 1
    if placement.completion is not None:
        visit.completed_at = placement.completion.completed_at.astimezone(UTC)
        visit.timeliness = placement.completion.timeliness
        placing.completed.append((entry, visit))
        if was_partial:
            placing.partial[counter] -= 1
        (placing.on_time if visit.timeliness == "on_time" else placing.late)[counter] += 1
