"""Who owns an identity: the first readable arrival, for ever. Everything later with that id repeats it.

Repeats inside a batch are resolved in offset order before SQL; the unique index decides the rest. A patient's
reports share one Kafka partition, whose offsets row this transaction holds, so nobody races it.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from ingest_gateway.contracts.report import MalformedJson, Report, WrongEnvelope, decode_report
from projections.sql import queries
from projections.store.entry import Arrival, Attempt, Entry, Identity, Outcome

_SQL = queries("store")


class _Owner(msgspec.Struct, gc=False):
    """The row that owns an identity or attempt. ``row`` is what Postgres holds, if it is older."""

    place: tuple[int, int]
    sha256: bytes
    report: Report | None = None
    row: asyncpg.Record | None = None


_Owners = dict[Identity | Attempt, _Owner]


async def resolve(connection: asyncpg.Connection, stream: int, entries: Sequence[Entry]) -> list[Outcome]:
    """Claim what the entries claim, and say of each whether it is new, a duplicate or a conflict.

    Args:
        connection: in a transaction that holds the offsets of the entries' partitions.
        stream: the topic's number.
        entries: in ascending (partition, offset) order.
    """
    owners: _Owners = {}
    identities: list[tuple[Identity, Entry]] = []
    attempts: list[tuple[Attempt, Entry]] = []
    for entry in entries:
        if entry.identity is not None and entry.identity not in owners:
            owners[entry.identity] = _of(entry)
            identities.append((entry.identity, entry))
        elif entry.attempt is not None and entry.attempt not in owners:
            owners[entry.attempt] = _of(entry)
            attempts.append((entry.attempt, entry))
    await _claim(connection, stream, identities, ("claim_identities", "identity_owners"), owners)
    await _claim(connection, stream, attempts, ("claim_attempts", "attempt_owners"), owners)
    await _read_contents(connection, entries, owners)
    return [_outcome(entry, owners) for entry in entries]


def same_content(one: Report, other: Report) -> bool:
    """Whether two reports say the same, however spelt: white space, key order, escapes, case of ids."""
    return _content(one) == _content(other)


def _content(report: Report) -> dict[str, Any]:
    """The decoded content in a form that compares as JSON does: ``true`` is not ``1``, but ``1.0`` is."""
    content = msgspec.structs.asdict(report)
    content["reportId"] = report.report_id
    content["amends"] = report.amends and report.amends.lower()
    content["recordedAt"] = report.recordedAt.isoformat()
    content["answers"] = {name: (isinstance(value, bool), value) for name, value in report.answers.items()}
    return content


def _of(entry: Entry) -> _Owner:
    return _Owner(entry.place, entry.arrival.sha256 or b"", entry.arrival.report)


async def _claim(
    connection: asyncpg.Connection,
    stream: int,
    claims: Sequence[tuple[Identity | Attempt, Entry]],
    statements: tuple[str, str],
    owners: _Owners,
) -> None:
    """Insert the claims; where some were taken already, note who owns them."""
    if not claims:
        return
    insert, select = statements
    rows = [_row(stream, key, entry.arrival) for key, entry in claims]
    rows.sort()
    status = await connection.execute(_SQL[insert], rows)
    if int(status.rpartition(" ")[2]) == len(rows):
        return
    at = {entry.place: key for key, entry in claims}
    for row in await connection.fetch(_SQL[select], rows):
        key = at[row["of_partition"], row["of_offset"]]
        owners[key] = _Owner((row["kafka_partition"], row["kafka_offset"]), row["sha256"], row=row)


def _row(stream: int, key: Identity | Attempt, arrival: Arrival) -> tuple[Any, ...]:
    """A row of ``report_ids`` or ``refused_attempts``, which begin with their keys."""
    return (*key, arrival.partition, arrival.offset, stream, arrival.received_at, arrival.sha256)


async def _read_contents(connection: asyncpg.Connection, entries: Sequence[Entry], owners: _Owners) -> None:
    """Read the owners' bytes back from the ledger where hashes differ, to compare what they say."""
    missing: dict[tuple[int, int, int], _Owner] = {}
    for entry in entries:
        owner = _owner(entry, owners)
        if owner is not None and owner.row is not None and owner.sha256 != entry.arrival.sha256:
            missing[owner.row["stream_id"], *owner.place] = owner
    if not missing:
        return
    columns = [list(column) for column in zip(*missing, strict=True)]
    received = [owner.row["received_at"] for owner in missing.values() if owner.row is not None]
    for row in await connection.fetch(_SQL["values"], *columns, received):
        with contextlib.suppress(MalformedJson, WrongEnvelope):  # readable once, by an older contract
            missing[row[0], row[1], row[2]].report = decode_report(row[3])


def _owner(entry: Entry, owners: _Owners) -> _Owner | None:
    key = entry.identity or entry.attempt
    return None if key is None else owners[key]


def _outcome(entry: Entry, owners: _Owners) -> Outcome:
    arrival = entry.arrival
    if arrival.gap_until is not None:
        return Outcome("gap")
    owner = _owner(entry, owners)
    if owner is not None and (owner.row is not None or owner.place != entry.place):
        if owner.sha256 == arrival.sha256:
            return Outcome("duplicate", first=owner.place)
        if (
            owner.report is not None
            and arrival.report is not None
            and same_content(owner.report, arrival.report)
        ):
            return Outcome("duplicate", first=owner.place)
        return Outcome("quarantined", "conflict", owner.place)
    return Outcome("accepted") if entry.reason is None else Outcome("quarantined", entry.reason)
