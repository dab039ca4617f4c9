"""The visits a batch touches: read before it is placed, written after, with their sites' counters."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
import orjson

from projections.schedule import Candidate, VisitState, Window
from projections.sql import queries

_SQL = queries("store")

SlotShard = tuple[str, int, int]
"""Site, slot, and the Kafka partition that counts apart."""


class Slot(msgspec.Struct, frozen=True):
    """A planned window and what it asks for. Immutable, so a worker keeps those it has seen."""

    window: Window
    required: tuple[str, ...]
    optional: tuple[str, ...]


class Visit(msgspec.Struct, gc=False):
    """One visit as this transaction sees it, this batch's earlier reports included.

    ``forms`` is the column; ``instants`` holds the same forms' instants that count, and is the mapping that
    ``candidate`` looks at.
    """

    patient_id: str
    visit_id: str
    slot_id: int
    site_id: str
    candidate: Candidate
    instants: dict[str, datetime]
    forms: dict[str, Any]
    completed_at: datetime | None
    timeliness: str | None
    received_at: datetime | None


Visits = dict[tuple[str, str], Visit]
"""By (patient id, visit id)."""


class Changes(msgspec.Struct):
    """What a batch makes of visits: those to write, and what to add to each counter."""

    visits: Visits
    partial: Counter[SlotShard]
    on_time: Counter[SlotShard]
    late: Counter[SlotShard]


async def read_named(
    connection: asyncpg.Connection, keys: Iterable[tuple[str, str]], visits: Visits, slots: dict[int, Slot]
) -> None:
    """Add the visits with these (patient id, visit id) to ``visits``, as far as they exist."""
    await _read(connection, "named_visits", keys, visits, slots)


async def read_open(
    connection: asyncpg.Connection,
    keys: Iterable[tuple[str, datetime]],
    visits: Visits,
    slots: dict[int, Slot],
) -> None:
    """Add the patients' visits whose window or grace holds that instant."""
    await _read(connection, "visits_at", keys, visits, slots)


async def write(connection: asyncpg.Connection, changes: Changes) -> None:
    """Write the changed visits and add to the counters, both in the order of their keys."""
    changed = [changes.visits[key] for key in sorted(changes.visits)]
    if changed:
        await connection.execute(
            _SQL["update_visits"],
            [visit.patient_id for visit in changed],
            [visit.visit_id for visit in changed],
            [visit.completed_at for visit in changed],
            [visit.received_at for visit in changed],
            [visit.timeliness for visit in changed],
            [orjson.dumps(visit.forms, option=orjson.OPT_UTC_Z).decode() for visit in changed],
        )
    keys = sorted({*changes.partial, *changes.on_time, *changes.late})
    if keys:
        await connection.execute(
            _SQL["count_visits"],
            *(list(column) for column in zip(*keys, strict=True)),
            [changes.partial[key] for key in keys],
            [changes.on_time[key] for key in keys],
            [changes.late[key] for key in keys],
        )


async def _read(
    connection: asyncpg.Connection,
    query: str,
    keys: Iterable[tuple[str, Any]],
    visits: Visits,
    slots: dict[int, Slot],
) -> None:
    ordered = sorted(keys)
    if not ordered:
        return
    rows = await connection.fetch(_SQL[query], *(list(column) for column in zip(*ordered, strict=True)))
    unseen = {row[2] for row in rows} - slots.keys()
    if unseen:
        for slot in await connection.fetch(_SQL["slots"], sorted(unseen)):
            slots[slot[0]] = Slot(Window(slot[1], slot[2], slot[3]), tuple(slot[4]), tuple(slot[5]))
    for row in rows:
        key = (row[0], row[1])
        if key not in visits:
            visits[key] = _visit(row, slots[row[2]])


def _visit(row: asyncpg.Record, slot: Slot) -> Visit:
    patient_id, visit_id, slot_id, site_id, completed_at, timeliness, stored, cancelled_at, received_at = row
    forms = orjson.loads(stored) if stored else {}
    instants = {name: datetime.fromisoformat(form["recordedAt"]) for name, form in forms.items()}
    state = VisitState(slot.window, slot.required, instants, cancelled_at, slot.optional)
    return Visit(
        patient_id,
        visit_id,
        slot_id,
        site_id,
        Candidate(visit_id, state),
        instants,
        forms,
        completed_at,
        timeliness,
        received_at,
    )
