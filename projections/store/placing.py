"""Which visit each accepted report belongs to, and what that makes of the visit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from ingest_gateway.contracts.report import Report
from projections.schedule import Candidate, Placement, choose_visit, place_amendment
from projections.sql import queries
from projections.store.entry import Entry, Outcome
from projections.store.visits import Changes, Slot, Visit, Visits, read_named, read_open

_SQL = queries("store")
_CHANGES_VISIT = frozenset({"completes", "partial", "optional"})


class Placeable(msgspec.Struct, frozen=True, gc=False):
    """An accepted report. ``recorded_at`` is the instant that counts, in UTC."""

    entry: Entry
    outcome: Outcome
    report: Report
    recorded_at: datetime


class Placed(msgspec.Struct, frozen=True):
    """The changes to write, which report began which visit, and which completed which."""

    changes: Changes
    begun: list[tuple[Entry, Visit]]
    completed: list[tuple[Entry, Visit]]


async def place(
    connection: asyncpg.Connection, items: Sequence[tuple[Entry, Outcome]], slots: dict[int, Slot]
) -> Placed:
    """Place the accepted reports of a batch, in offset order, and note the visit in their outcomes.

    Args:
        connection: in the batch's transaction.
        items: entries with their outcomes; the accepted ones' get ``visit_id``, ``placement`` and flags.
        slots: those seen so far; missing ones are read and added.
    """
    accepted = [
        Placeable(entry, outcome, entry.arrival.report, entry.recorded_at)
        for entry, outcome in items
        if outcome.disposition == "accepted" and entry.arrival.report and entry.recorded_at
    ]
    plain = [one for one in accepted if one.report.amends is None]
    visits: Visits = {}
    named = {(one.report.patientId, one.report.visitId) for one in plain if one.report.visitId is not None}
    await read_named(connection, named, visits, slots)
    searching = {
        (one.report.patientId, one.recorded_at)
        for one in plain
        if not _allows(_named(one, visits), one.report)
    }
    if searching:
        await read_open(connection, searching, visits, slots)
    placed = place_plain(plain, visits)
    if len(plain) < len(accepted):
        await _place_amendments(connection, accepted)
    return placed


def place_plain(items: Sequence[Placeable], visits: Visits) -> Placed:
    """Place reports that amend nothing, given every visit that one of them may belong to."""
    placed = Placed(Changes({}, Counter(), Counter(), Counter()), [], [])
    by_patient: Mapping[str, list[Candidate]] | None = None
    for one in items:
        report, named = one.report, _named(one, visits)
        if named is not None and _allows(named, report):
            candidates: Sequence[Candidate] = (named.candidate,)
        else:
            by_patient = by_patient or _by_patient(visits)
            candidates = by_patient.get(report.patientId, ())
        placement = choose_visit(candidates, report.instrument, one.recorded_at, report.visitId)
        _note(one.outcome, placement)
        if one.entry.raised is not None and placement.visit_id is not None:
            window = visits[report.patientId, placement.visit_id].candidate.state.window
            one.outcome.late = one.recorded_at >= window.closes_at
        if placement.kind in _CHANGES_VISIT and placement.visit_id is not None:
            _change(visits[report.patientId, placement.visit_id], one, placement, placed)
    return placed


async def _place_amendments(connection: asyncpg.Connection, accepted: Sequence[Placeable]) -> None:
    """An amendment goes to the visit of the report it amends, and leaves that visit as it was."""
    links = {
        (one.report.patientId, one.report.amends.lower(), one.report.report_id): one
        for one in accepted
        if one.report.amends is not None
    }
    patients, amended, reports = (list(column) for column in zip(*sorted(links), strict=True))
    await connection.execute(_SQL["add_amendments"], patients, amended, reports)
    rows = await connection.fetch(_SQL["amended_visits"], patients, amended)
    known = {(row[0], str(row[1])): row[2] for row in rows}
    in_batch = {(one.report.patientId, one.report.report_id): one.outcome.visit_id for one in accepted}
    known.update({key: in_batch[key] for key in known.keys() & in_batch.keys()})
    for (patient_id, amends, _), one in links.items():
        key = (patient_id, amends)
        _note(one.outcome, place_amendment(known.get(key), key in known))


def _named(one: Placeable, visits: Visits) -> Visit | None:
    visit_id = one.report.visitId
    return None if visit_id is None else visits.get((one.report.patientId, visit_id))


def _allows(visit: Visit | None, report: Report) -> bool:
    if visit is None:
        return False
    state = visit.candidate.state
    return report.instrument in state.required or report.instrument in state.optional


def _by_patient(visits: Visits) -> Mapping[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for (patient_id, _), visit in visits.items():
        found.setdefault(patient_id, []).append(visit.candidate)
    return found


def _note(outcome: Outcome, placement: Placement) -> None:
    outcome.visit_id = placement.visit_id
    outcome.placement = placement.kind
    outcome.flags = placement.flags


def _change(visit: Visit, one: Placeable, placement: Placement, placed: Placed) -> None:
    arrival, report = one.entry.arrival, one.report
    changes = placed.changes
    was_partial = visit.completed_at is None and any(
        name in visit.instants for name in visit.candidate.state.required
    )
    visit.instants[report.instrument] = one.recorded_at
    visit.forms[report.instrument] = {
        "reportId": report.report_id,
        "recordedAt": one.recorded_at,
        "receivedAt": arrival.received_at,
    }
    changes.visits[visit.patient_id, visit.visit_id] = visit
    if visit.completed_at is not None:
        return
    visit.received_at = arrival.received_at
    shard = (visit.site_id, visit.slot_id, arrival.partition)
    done = placement.completion
    if done is None:
        if placement.kind == "partial" and not was_partial:
            changes.partial[shard] += 1
            placed.begun.append((one.entry, visit))
        return
    visit.completed_at, visit.timeliness = done.completed_at, done.timeliness
    placed.completed.append((one.entry, visit))
    if was_partial:
        changes.partial[shard] -= 1
    (changes.on_time if done.timeliness == "on_time" else changes.late)[shard] += 1
