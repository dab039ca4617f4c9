"""Numbering: which committed batch comes after which, and the epoch in which that is so."""

import secrets
from typing import Final

import asyncpg
import msgspec

from projections.sql import queries

CHANNEL: Final = "eightbells_outbox"
"""Where ``epoch.batch`` is notified once batches up to that number are numbered."""

_SQL: Final = queries("relay")
_LOCK: Final = 0x8BE11
_STEP: Final = 200


class Head(msgspec.Struct, frozen=True):
    """The newest number; ``count`` batches were numbered with it."""

    epoch: str
    batch: int
    count: int = 0

    @property
    def cursor(self) -> str:
        """The cursor that names this batch."""
        return f"{self.epoch}.{self.batch}"


async def try_to_lead(connection: asyncpg.Connection) -> bool:
    """Take the relays' lock, which lasts as long as the connection; False while another relay has it."""
    leads: bool = await connection.fetchval(_SQL["try_to_lead"], _LOCK)
    return leads


async def enter_epoch(connection: asyncpg.Connection) -> tuple[Head, int]:
    """The epoch to number in, a new one where the history of writes is another than it was.

    Returns:
        The newest number so far, and the number up to which everything is published.
    """
    async with connection.transaction():
        lineage = await connection.fetchval(_SQL["lineage"])
        state = await connection.fetchrow(_SQL["state"])
        epoch = state["epoch"] if state is not None and state["lineage"] == lineage else secrets.token_hex(4)
        if state is None:
            await connection.execute(_SQL["first_epoch"], epoch, lineage)
            return Head(epoch, 0), 0
        if epoch != state["epoch"]:
            await connection.execute(_SQL["next_epoch"], epoch, lineage)
    return Head(epoch, state["last_batch"]), state["published_batch"]


async def number_batches(connection: asyncpg.Connection) -> Head | None:
    """Number up to 200 committed batches and notify; None where there was nothing to number."""
    if not await connection.fetchval(_SQL["has_unnumbered"]):
        return None
    row = await connection.fetchrow(_SQL["number_batches"], _STEP, CHANNEL)
    return None if row is None else Head(row["epoch"], row["last_batch"], row["count"])
