"""The one transaction in which a batch of the log is applied."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec
import orjson

from ingest_gateway.auth.keys import KeyRing
from projections import seals
from projections.sql import queries
from projections.store.alerts import raise_alerts
from projections.store.entry import Disposition, Entry, Outcome
from projections.store.errors import Superseded
from projections.store.events import batch_events
from projections.store.identity import resolve
from projections.store.ledger import COLUMNS, Row, ledger_row
from projections.store.placing import place
from projections.store.visits import Slot, write

_SQL = queries("store")


class Chain(msgspec.Struct, frozen=True):
    """Which stream a batch belongs to, and the keys of its ledger's seals, the current one among them."""

    stream: int
    seal_keys: KeyRing


class Applied(msgspec.Struct, frozen=True):
    """What a committed batch came to: rows by (disposition, reason), the quarantined, new alerts by level."""

    outcomes: Counter[tuple[Disposition, str | None]]
    quarantined: list[Entry]
    alerts: Counter[str]


async def apply_batch(
    connection: asyncpg.Connection,
    chain: Chain,
    entries: Sequence[Entry],
    slots: dict[int, Slot],
    now: datetime,
) -> Applied:
    """Apply a batch in one transaction: offsets, identities, visits, ledger, alerts, counters, seals, outbox.

    Either all of it is committed or nothing is. Where the answer to the commit is lost, nobody knows which:
    apply the batch again, and the compare-and-set tells (``Superseded`` when it had been committed).

    Args:
        connection: outside a transaction.
        chain: the stream and the keys of its seals.
        entries: ascending by (partition, offset), contiguous in each partition, gaps included.
        slots: immutable planned windows seen so far, added to.
        now: when alerts are raised and the outbox row is written.

    Raises:
        Superseded: a partition's next offset is not its first entry's any more.
        Exception: see ``errors.meaning``.
    """
    ranges = _ranges(entries)
    async with connection.transaction():
        heads = await _advance(connection, chain.stream, ranges)
        outcomes = await resolve(connection, chain.stream, entries)
        items = list(zip(entries, outcomes, strict=True))
        placed = await place(connection, items, slots)
        rows, digests = _rows(chain.stream, items)
        await connection.copy_records_to_table("ledger", records=rows, columns=COLUMNS)
        await write(connection, placed.changes)
        alerts = await raise_alerts(connection, chain.stream, items, now)
        sealed = _seal(chain, ranges, heads, digests)
        await connection.execute(
            _SQL["add_seals"],
            chain.stream,
            *(list(column) for column in zip(*sealed, strict=True)),
            chain.seal_keys.current,
        )
        events = [*batch_events(chain.stream, items, placed), *alerts]
        await connection.execute(
            _SQL["add_outbox"],
            now,
            orjson.dumps(events, option=orjson.OPT_UTC_Z).decode(),
            orjson.dumps(
                [
                    {"partition": part, "firstOffset": first, "lastOffset": last, "seal": seal.hex()}
                    for part, first, last, _, seal in sealed
                ]
            ).decode(),
        )
    return Applied(
        Counter((outcome.disposition, outcome.reason) for outcome in outcomes),
        [entry for entry, outcome in items if outcome.disposition == "quarantined"],
        Counter(alert["data"]["level"] for alert in alerts),
    )


_Ranges = dict[int, tuple[int, int]]
_Sealed = list[tuple[int, int, int, bytes, bytes]]


def _ranges(entries: Sequence[Entry]) -> _Ranges:
    """Per partition the first offset of the batch and the one after its last."""
    ranges: _Ranges = {}
    for entry in entries:
        arrival = entry.arrival
        first, following = ranges.get(arrival.partition, (arrival.offset, arrival.offset))
        if following != arrival.offset:
            raise ValueError(
                f"partition {arrival.partition}: {arrival.offset} does not follow {following - 1}"
            )
        ranges[arrival.partition] = (first, arrival.next_offset)
    return ranges


async def _advance(connection: asyncpg.Connection, stream: int, ranges: _Ranges) -> dict[int, bytes]:
    """Move the offsets by compare-and-set, and return the heads of the seals' chains."""
    partitions = sorted(ranges)
    rows = await connection.fetch(
        _SQL["advance"],
        stream,
        partitions,
        [ranges[partition][0] for partition in partitions],
        [ranges[partition][1] for partition in partitions],
    )
    if len(rows) != len(partitions):
        raise Superseded
    return {row[0]: row[1] for row in rows}


def _rows(stream: int, items: Sequence[tuple[Entry, Outcome]]) -> tuple[list[Row], dict[int, list[bytes]]]:
    rows: list[Row] = []
    digests: dict[int, list[bytes]] = {}
    for entry, outcome in items:
        row, digest = ledger_row(stream, entry, outcome)
        rows.append(row)
        digests.setdefault(entry.arrival.partition, []).append(digest)
    return rows, digests


def _seal(
    chain: Chain, ranges: _Ranges, heads: Mapping[int, bytes], digests: Mapping[int, Sequence[bytes]]
) -> _Sealed:
    key = chain.seal_keys.signing_key
    return [
        (
            partition,
            first,
            following - 1,
            heads[partition],
            seals.seal(key, heads[partition], digests[partition]),
        )
        for partition, (first, following) in sorted(ranges.items())
    ]
