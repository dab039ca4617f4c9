"""Proves that the ledger lost and doubled nothing, that nobody edited it, and that its projections agree."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import asyncpg
import msgspec

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.process.topic_identity import TopicIdentity
from projections.action_seals import check_actions
from projections.seal_check import SHOWN, ChainWalk, Finding, SealHead
from projections.sql import queries

_SQL = queries("verify")

__all__ = ["Finding", "PartitionState", "SealHead", "Verification", "verify"]


class PartitionState(msgspec.Struct, frozen=True):
    """One partition's ledger. ``first`` is the offset it began with, ``end`` the log's (None: not asked).

    ``accepted``, ``duplicate``, ``quarantined`` and ``gap`` count offsets: together ``next`` - ``first``.
    """

    partition: int
    first: int
    next: int
    end: int | None
    accepted: int
    duplicate: int
    quarantined: int
    gap: int
    topic: str


class Verification(msgspec.Struct, frozen=True):
    """What was found; ``ok`` where that is nothing."""

    ok: bool
    partitions: list[PartitionState]
    findings: list[Finding]


async def verify(
    connection: asyncpg.Connection,
    keys: KeyRing,
    current: TopicIdentity | None = None,
    ends: Mapping[int, int] | None = None,
    ends_after: Callable[[], Awaitable[Mapping[int, int]]] | None = None,
    published: Sequence[SealHead] = (),
    action_keys: KeyRing | None = None,
) -> Verification:
    """Check everything in one snapshot of the database, which may go on being written to.

    Args:
        connection: of a role that may read the record of the trial, such as eightbells_reader.
        keys: the ring the ledger was sealed with, with every key that it ever was.
        current: the topic that ``ends`` and ``published`` are about.
        ends: the end of the log per partition, read before: what the ledger must have reached.
        ends_after: reads it again, afterwards: what the ledger must not have passed.
        published: heads of seals as found outside Postgres; each has to be in its chain.
        action_keys: the ring that what people did was sealed with; None: that is not checked.
    """
    findings: list[Finding] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        streams = {row["stream_id"]: row for row in await connection.fetch(_SQL["streams"])}
        rows = await connection.fetch(_SQL["partitions"])
        here = _number(streams.values(), current)
        partitions = _partitions(rows, streams, here, ends or {}, findings)
        await _check_offsets(connection, findings)
        walk = ChainWalk(keys, streams, rows, here, published)
        findings.extend(await _check_seals(connection, walk, rows))
        if action_keys is not None:
            findings.extend(await check_actions(connection, action_keys, published))
        await _check_claims(connection, findings)
        await _check_projections(connection, findings)
    if ends_after is not None:
        partitions = _held_against(await ends_after(), partitions, findings)
    return Verification(not findings, partitions, findings)


def _number(streams: Iterable[asyncpg.Record], current: TopicIdentity | None) -> int | None:
    for row in streams:
        if current and (row["cluster_id"], row["topic_id"]) == (current.cluster_id, current.topic_id):
            return int(row["stream_id"])
    return None


def _partitions(
    rows: Sequence[asyncpg.Record],
    streams: Mapping[int, asyncpg.Record],
    here: int | None,
    ends: Mapping[int, int],
    findings: list[Finding],
) -> list[PartitionState]:
    states = []
    known = set()
    for row in rows:
        partition, following = row["kafka_partition"], row["next_offset"]
        end = ends.get(partition) if row["stream_id"] == here else None
        if row["stream_id"] == here:
            known.add(partition)
        if end is not None and following < end:
            detail = f"{end - following} records of the log are not in the ledger yet"
            findings.append(Finding("behind", detail, partition, following))
        states.append(
            PartitionState(
                partition=partition,
                first=row["first_offset"],
                next=following,
                end=end,
                accepted=row["accepted"],
                duplicate=row["duplicate"],
                quarantined=row["quarantined"],
                gap=row["gap"],
                topic=streams[row["stream_id"]]["topic"],
            )
        )
    findings.extend(
        Finding("behind", "the ledger does not know this partition", partition, 0)
        for partition in sorted(ends.keys() - known)
        if ends[partition] > 0
    )
    return states


def _held_against(
    ends: Mapping[int, int], partitions: Iterable[PartitionState], findings: list[Finding]
) -> list[PartitionState]:
    """The partitions with an end that the log has had; a ledger beyond it is a finding."""
    held = []
    for state in partitions:
        if state.end is not None and state.next > state.end:
            end = ends.get(state.partition, 0)
            if state.next > end:
                findings.append(Finding("ahead", f"the log ends at {end}", state.partition, state.next))
            held.append(msgspec.structs.replace(state, end=min(state.next, end)))
        else:
            held.append(state)
    return held


async def _check_offsets(connection: asyncpg.Connection, findings: list[Finding]) -> None:
    for row in await connection.fetch(_SQL["breaks"], SHOWN):
        expected, found = row["expected"], row["kafka_offset"]
        if expected is None:
            kind, detail = "unknown_partition", "ledger rows of a partition without an offset"
        elif found > expected:
            kind, detail = "missing", f"offsets {expected} to {found - 1} have no ledger row"
        else:
            kind, detail = "twice", "an offset has more than one ledger row"
        findings.append(
            Finding(kind, detail, row["kafka_partition"], expected if kind == "missing" else found)
        )
    for row in await connection.fetch(_SQL["ends"]):
        kind = "beyond" if row["ledger_next"] > row["next_offset"] else "missing"
        detail = f"the ledger ends before {row['ledger_next']}, the committed offset is {row['next_offset']}"
        findings.append(Finding(kind, detail, row["kafka_partition"], row["ledger_next"]))
    if misplaced := await connection.fetchval(_SQL["default_rows"]):
        findings.append(Finding("default_partition", f"{misplaced} rows lie in no month's partition"))


async def _check_seals(
    connection: asyncpg.Connection, walk: ChainWalk, offsets: Sequence[asyncpg.Record]
) -> list[Finding]:
    async for row in connection.cursor(_SQL["seals"], prefetch=500):
        walk.see(row)
    findings = walk.finish(offsets)
    for row in await connection.fetch(_SQL["altered_values"], SHOWN):
        detail = "the bytes do not have the row's SHA-256"
        findings.append(Finding("value", detail, row["kafka_partition"], row["kafka_offset"]))
    return findings


async def _check_claims(connection: asyncpg.Connection, findings: list[Finding]) -> None:
    for name, kind, detail in (
        ("claims_without_row", "identity", "an identity is owned by a row that is not there or not its own"),
        ("accepted_without_identity", "identity", "an accepted report does not own its identity"),
    ):
        rows = await connection.fetch(_SQL[name], SHOWN)
        findings.extend(Finding(kind, detail, row["kafka_partition"], row["kafka_offset"]) for row in rows)


async def _check_projections(connection: asyncpg.Connection, findings: list[Finding]) -> None:
    for name, detail in (
        ("counters", "the counters of site {site_id}, slot {slot_id} differ from its visits"),
        ("expected", "site {site_id}, slot {slot_id} expects another number of visits than there are"),
    ):
        rows = await connection.fetch(_SQL[name], SHOWN)
        findings.extend(Finding("counters", detail.format(**row)) for row in rows)
    row = await connection.fetchrow(_SQL["completions"])
    if row["visits"] != row["reports"]:
        detail = f"{row['visits']} visits are completed, {row['reports']} reports complete one"
        findings.append(Finding("visits", detail))
