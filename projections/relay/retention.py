"""Forgetting old outbox batches, a few at a time, so that the outbox does not fill the disk in the years.

What is forgotten is a beginning of the outbox: batches that are numbered, that Kafka has, that are older than
the setting says, and that are not among the newest thousand. Those stay however old they are, for readers of
live push who come back. A cursor from before what is kept gets ``resync``.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from projections.sql import queries

_SQL: Final = queries("relay")
_CHUNK: Final = 200
_NEWEST_KEPT: Final = 1_000
_PAUSE_S: Final = 0.1


async def forget_batches(
    connection: asyncpg.Connection, before: datetime, newest_kept: int = _NEWEST_KEPT, chunk: int = _CHUNK
) -> int:
    """Delete up to ``chunk`` of the oldest batches written before an instant; returns how many there were.

    It stops at the first batch that has to stay: what is left never has a hole. It locks only rows that
    nobody writes any more.
    """
    rows = await connection.fetch(_SQL["forget_batches"], before, newest_kept, chunk)
    return len(rows)


async def sweep(
    connect: Callable[[], AbstractAsyncContextManager[asyncpg.Connection]],
    before: datetime,
    forgotten: Callable[[int], object],
) -> None:
    """Forget everything written before an instant that may go, with a pause after each chunk.

    Raises:
        Exception: one of ``projections.postgres.AWAY``.
    """
    async with connect() as connection:
        while count := await forget_batches(connection, before):
            forgotten(count)
            await asyncio.sleep(_PAUSE_S)


class Retention:
    """How long batches are kept, by which clock, and how often is looked, in seconds."""

    def __init__(self, keep: timedelta, clock: Callable[[], datetime], every_s: float = 600.0) -> None:
        self._keep = keep
        self._clock = clock
        self.every_s = every_s

    def before(self) -> datetime:
        """Batches written before this instant may go."""
        return self._clock() - self._keep
