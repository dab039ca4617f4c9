"""The relay at work: waiting for its turn, leading, and beginning again when something fails."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from itertools import chain
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError

from projections import postgres
from projections.relay.metrics import Metrics
from projections.relay.numbering import Head, enter_epoch, number_batches, try_to_lead
from projections.relay.publishing import Publisher, TopicsMissing, open_publisher
from projections.relay.records import Topics, event_records, seal_records
from projections.relay.retention import Retention, sweep
from projections.sql import queries

_log = logging.getLogger(__name__)
_SQL: Final = queries("relay")
_STANDBY_S: Final = 0.5
_AGAIN_S: Final = 1.0
_IDLE_S: Final = 1.0
_SEND_S: Final = 15.0
_READ_BATCHES: Final = 4
_TOPICS: Final = Topics()


class Relay:
    """One relay process; ``run`` ends only when it is cancelled. ``leads`` says whether it has the lock.

    ``poll_s`` is how often a leader looks for committed batches, in seconds; ``retention`` says what it may
    forget of them.
    """

    def __init__(
        self,
        database_url: str,
        bootstrap: str,
        metrics: Metrics,
        retention: Retention,
        poll_s: float = 0.05,
        topics: Topics = _TOPICS,
    ) -> None:
        self._database_url = database_url
        self._bootstrap = bootstrap
        self._metrics = metrics
        self._retention = retention
        self._poll_s = poll_s
        self._topics = topics
        self._postgres: str | None = "Waiting for Postgres"
        self._kafka: str | None = "Waiting for Kafka"
        self.leads = False
        self._newest = 0
        self._news = asyncio.Event()

    def why_not_ready(self) -> str | None:
        """What an operator should know; None in a leader that works and in a relay that stands by."""
        return self._postgres or (self._kafka if self.leads else None)

    async def run(self) -> None:
        """Stand by, lead, and stand by again when the lock's connection is lost."""
        while True:
            try:
                async with self._connection() as connection:
                    await self._stand_by(connection)
                    await self._lead(connection)
            except postgres.AWAY as error:
                self._postgres = self._failed("postgres", self._postgres, "Waiting for Postgres", error)
            await asyncio.sleep(_AGAIN_S)

    async def _stand_by(self, connection: asyncpg.Connection) -> None:
        """Return when the lock is ours. A relay that waits for it is ready: it takes over by itself."""
        while not await try_to_lead(connection):
            if self._postgres is not None:
                _log.info("standing by")
            self._postgres = None
            await asyncio.sleep(_STANDBY_S)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        """Number on this connection for as long as it lives; publish and forget beside it."""
        head, published = await enter_epoch(connection)
        self._newest = head.batch
        _log.info("leading", extra={"cursor": head.cursor, "published": published})
        self.leads, self._postgres = True, None
        self._metrics.leading.set(1)
        beside = [asyncio.create_task(self._keep_publishing()), asyncio.create_task(self._keep_forgetting())]
        try:
            while True:
                self._count(await number_batches(connection))
                await asyncio.sleep(self._poll_s)
        finally:
            self.leads = False
            self._metrics.leading.set(0)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _count(self, head: Head | None) -> None:
        if head is not None:
            self._metrics.numbered.inc(head.count)
            self._newest = head.batch
            self._news.set()

    async def _keep_publishing(self) -> None:
        """Publish, and begin again from the last acknowledged batch after any failure."""
        while True:
            try:
                async with (
                    self._connection() as connection,
                    open_publisher(self._bootstrap, self._topics) as publisher,
                ):
                    self._kafka = None
                    await self._publish(connection, publisher)
            except (*postgres.AWAY, KafkaError, TopicsMissing) as error:
                self._kafka = self._failed("publishing", self._kafka, "Publishing waits", error)
            except Exception as error:  # a batch that cannot be read: loud, and tried again after a repair
                self._kafka = self._failed("publishing", None, "Publishing cannot go on", error)
            await asyncio.sleep(_AGAIN_S)

    async def _publish(self, connection: asyncpg.Connection, publisher: Publisher) -> None:
        """Send what is numbered and not published, a few batches at a time.

        Raises:
            TimeoutError: Kafka did not acknowledge within 15 s; the producer is to be made anew.
        """
        position: int = (await connection.fetchrow(_SQL["state"]))["published_batch"]
        while True:
            self._metrics.unpublished.set(max(0, self._newest - position))
            rows = await connection.fetch(_SQL["to_publish"], position, _READ_BATCHES)
            if not rows:
                await self._wait_for_news()
                continue
            records = chain.from_iterable(
                chain(
                    event_records(row["events"], self._topics, publisher.partition_of),
                    seal_records(row["seals"], self._topics),
                )
                for row in rows
            )
            async with asyncio.timeout(_SEND_S):
                counts = await publisher.send(records)
            position = rows[-1]["batch"]
            await connection.execute(_SQL["published"], position)
            for topic, count in counts.items():
                self._metrics.published.labels(topic).inc(count)

    async def _keep_forgetting(self) -> None:
        """Forget old batches now and then; what fails is tried again the next time."""
        while True:
            try:
                await sweep(self._connection, self._retention.before(), self._metrics.forgotten.inc)
            except postgres.AWAY as error:
                self._failed("retention", None, "Old batches stay", error)
            await asyncio.sleep(self._retention.every_s)

    async def _wait_for_news(self) -> None:
        """Until a batch is numbered, or a second has gone by."""
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    def _connection(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return postgres.connection(self._database_url, "eightbells relay")

    def _failed(self, part: str, before: str | None, what: str, error: Exception) -> str:
        """Count a failure, log it unless it is the same as before, and say it in a few words."""
        self._metrics.failures.labels(part).inc()
        reason = f"{what} ({type(error).__name__})"
        if reason != before:
            _log.warning(reason, exc_info=error)
        return reason
