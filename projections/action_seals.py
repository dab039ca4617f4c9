"""Seals of what people did: an HMAC chain over ``actions`` that shows an edit, a delete and a cut tail.

The transaction that writes an action seals it: ``seal = HMAC-SHA256(key, previous ‖ d₁ ‖ … ‖ dₙ)``, where
``previous`` is the seal before it and the digests are those of all actions since (the SQL function
``action_digests``): one, but for the first seal of a database that had actions before they were sealed. An
advisory lock makes those who act take turns, so that the order of the chain is that of ``action_id``.

The key is not the ledger's: the read API, which many can reach, holds this one and not the other. Heads are
published to Kafka as the ledger's are, and show a tail that was cut.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import asyncpg

from ingest_gateway.auth.keys import KeyRing
from projections import seals
from projections.seal_check import SHOWN, Finding, SealHead
from projections.sql import queries

CHAIN: Final = "actions"
"""What tells a published head of this chain from those of the ledger's partitions."""

_SQL: Final = queries("verify")


def origin(key: bytes) -> bytes:
    """What the first seal is chained to."""
    return seals.seal(key, b"eightbells.actions.v1", ())


def head(after: int, last: int, seal: bytes) -> dict[str, str | int]:
    """A head of the chain as it is published: the range of action ids that its last seal covers."""
    return {
        "chain": CHAIN,
        "partition": 0,
        "firstOffset": after + 1,
        "lastOffset": last,
        "seal": seal.hex(),
    }


async def check_actions(
    connection: asyncpg.Connection, keys: KeyRing, published: Iterable[SealHead]
) -> list[Finding]:
    """Walk the chain, in the caller's snapshot of the database.

    Args:
        connection: of a role that may read ``action_seals`` and call ``action_digests``; in a transaction.
        keys: the ring the actions were sealed with, with every key that it ever was.
        published: heads as found outside Postgres; each of this chain has to be in it.
    """
    findings: list[Finding] = []
    unseen = {one.lastOffset: one.seal for one in published if one.chain == CHAIN}
    previous, after = {origin(key) for key in keys.keys.values()}, 0
    async for row in connection.cursor(_SQL["action_seals"], prefetch=500):
        last = row["last_action_id"]
        if row["previous"] not in previous:
            findings.append(Finding("action_chain", f"the seal of action {last} does not follow its own"))
        if problem := _problem(row, keys):
            findings.append(Finding("action_seal", f"actions {after + 1} to {last} {problem}"))
        if unseen.get(last) == row["seal"].hex():
            del unseen[last]
        previous, after = {row["seal"]}, last
    if unsealed := await connection.fetchval(_SQL["unsealed_actions"], after):
        findings.append(Finding("action_seal", f"{unsealed} actions after {after} are not sealed"))
    findings += [
        Finding("action_published", f"the published seal of action {last} is not in the chain")
        for last in sorted(unseen)
    ]
    return findings[:SHOWN]


def _problem(row: Mapping[str, Any], keys: KeyRing) -> str | None:
    key = keys.keys.get(row["kid"])
    if key is None:
        return f"are sealed with key {row['kid']!r}, which is not among those given"
    if seals.seal(key, row["previous"], (row["digests"],)) != row["seal"]:
        return "are not what was sealed"
    return None
