"""Where the log stands according to Postgres, which is the truth; Kafka's group offsets are only a hint."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import asyncpg

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.process.topic_identity import TopicIdentity
from projections import seals
from projections.sql import queries

_SQL = queries("store")


async def stream_number(connection: asyncpg.Connection, identity: TopicIdentity) -> int:
    """This database's number for a topic of a cluster; a topic seen for the first time gets one."""
    found = await connection.fetchval(_SQL["stream"], identity.cluster_id, identity.topic_id)
    if found is None:
        await connection.execute(_SQL["add_stream"], identity.cluster_id, identity.topic_id, identity.topic)
        found = await connection.fetchval(_SQL["stream"], identity.cluster_id, identity.topic_id)
    return int(found)


async def next_offsets(
    connection: asyncpg.Connection, stream: int, partitions: Iterable[int]
) -> dict[int, int]:
    """The next offset to apply, per partition; a partition never seen before is absent."""
    rows = await connection.fetch(_SQL["positions"], stream, sorted(partitions))
    return {row["kafka_partition"]: row["next_offset"] for row in rows}


async def add_offsets(
    connection: asyncpg.Connection,
    stream: int,
    identity: TopicIdentity,
    first_offsets: Mapping[int, int],
    seal_keys: KeyRing,
) -> None:
    """Begin the ledger of partitions seen for the first time, at the log's start. Safe to run twice."""
    for partition, first in sorted(first_offsets.items()):
        origin = seals.genesis(
            seal_keys.signing_key, identity.cluster_id, str(identity.topic_id), partition, first
        )
        await connection.execute(_SQL["add_position"], stream, partition, first, origin)


async def note_seen(connection: asyncpg.Connection, stream: int, seen: Mapping[int, datetime]) -> None:
    """Record, per partition, an instant before which everything in the log is applied. It never goes back."""
    partitions = sorted(seen)
    await connection.execute(_SQL["note_seen"], stream, partitions, [seen[one] for one in partitions])


async def ledger_prepared_until(connection: asyncpg.Connection, now: datetime) -> datetime | None:
    """Until when the ledger has month partitions without a break; None where this month has none."""
    until: datetime | None = await connection.fetchval(_SQL["ledger_ends"], now)
    return until
