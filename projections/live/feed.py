"""The feed: one connection that listens to the relay and reads every numbered batch once."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import asyncpg

from projections import postgres
from projections.live.events import Batch, Counters, LiveEvent, counters_event, read_events, slots_of
from projections.live.hub import Hub
from projections.live.metrics import LiveMetrics
from projections.relay.numbering import CHANNEL
from projections.sql import queries

_log = logging.getLogger(__name__)
_SQL: Final = queries("live")
_FRESHNESS: Final = queries("read_api")["freshness"]
_AT_ONCE: Final = 20
_IDLE_S: Final = 1.0
_AGAIN_S: Final = 0.25

Clock = Callable[[], datetime]


class Feed:
    """Fills a hub; ``run`` ends only when it is cancelled.

    ``coalesce_s`` is how long what arrives is gathered before it is pushed, ``heartbeat_s`` how often sockets
    hear something even if nothing happens, both in seconds.
    """

    def __init__(
        self,
        database_url: str,
        hub: Hub,
        metrics: LiveMetrics,
        clock: Clock,
        coalesce_s: float = 0.075,
        heartbeat_s: float = 5.0,
    ) -> None:
        self._database_url = database_url
        self._hub = hub
        self._metrics = metrics
        self._clock = clock
        self._coalesce_s = coalesce_s
        self._heartbeat_s = heartbeat_s
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Follow the outbox; after a lost connection, read on from the last batch read."""
        failed: str | None = None
        while True:
            try:
                async with postgres.connection(self._database_url, "eightbells live") as connection:
                    failed = None
                    await self._follow(connection)
            except postgres.AWAY as error:
                self._metrics.feed_losses.inc()
                if type(error).__name__ != failed:
                    failed = type(error).__name__
                    _log.warning("the feed lost Postgres", exc_info=error)
            except Exception as error:  # a batch that cannot be read: loud, and tried again
                self._metrics.feed_losses.inc()
                _log.error("the feed cannot go on", exc_info=error)
                await asyncio.sleep(_IDLE_S)
            await asyncio.sleep(_AGAIN_S)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        """Listen first, then ask for the head: a batch numbered in between is heard or read."""
        await connection.add_listener(CHANNEL, self._hear)
        connection.add_termination_listener(self._wake)
        loop = asyncio.get_running_loop()
        beat = loop.time() + self._heartbeat_s
        while True:
            self._news.clear()
            busy = await self._push(connection)
            if loop.time() >= beat:
                beat = loop.time() + self._heartbeat_s
                self._hub.heartbeat(await connection.fetchval(_FRESHNESS))
            if busy or await self._heard():
                await asyncio.sleep(self._coalesce_s)

    async def _push(self, connection: asyncpg.Connection) -> bool:
        """Push what is new; whether there may be more at once."""
        state = await connection.fetchrow(_SQL["head"])
        if state is None:  # no relay has been here yet
            return False
        self._hub.begin(state["epoch"], state["last_batch"])
        head = self._hub.head
        if head is None or state["last_batch"] == head.batch:
            return False
        as_of = await connection.fetchval(_FRESHNESS)
        rows = await connection.fetch(_SQL["batches_after"], head.batch, _AT_ONCE)
        if (
            not rows or rows[0]["batch"] != head.batch + 1
        ):  # away so long that the relay forgot what came next
            self._hub.begin_again(state["epoch"], state["last_batch"])
            return False
        batches = [
            Batch(row["batch"], read_events(row["events"])) for row in rows if row["epoch"] == head.epoch
        ]
        if len(batches) < len(rows):  # another epoch began meanwhile: the next round sees it
            return True
        if batches:
            moved = slots_of(event for batch in batches for event in batch.events)
            cursor = f"{head.epoch}.{batches[-1].number}"
            self._hub.publish(batches, await read_counters(connection, moved, cursor, self._clock()), as_of)
        return len(rows) == _AT_ONCE

    async def _heard(self) -> bool:
        """Wait until something is notified, or for a second: a lost notification costs no more than that."""
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _hear(self, *_: object) -> None:
        self._news.set()

    def _wake(self, _: object) -> None:
        self._news.set()


async def read_counters(
    connection: asyncpg.Connection, slots: list[tuple[str, int]], cursor: str, now: datetime
) -> list[LiveEvent]:
    """The counters of these (site, window), as sums of all shards."""
    if not slots:
        return []
    rows = await connection.fetch(
        _SQL["board_counters"], [site for site, _ in slots], [slot for _, slot in slots]
    )
    return [
        counters_event(
            Counters(row["site_id"], row["slot_id"], row["completed"], row["late"], row["partial"]),
            cursor,
            now,
        )
        for row in rows
    ]
