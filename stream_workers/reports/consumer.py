"""The worker's loop: position by Postgres, fetch, apply, again."""

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import asyncpg
import msgspec
from aiokafka.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
)

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.process.topic_identity import TopicIdentity
from projections import store
from projections.store import Arrival
from stream_workers.reports.applier import Abandoned, Applier
from stream_workers.reports.batch import Fetched, assemble
from stream_workers.reports.health import Health, Stopped
from stream_workers.reports.log import ReportLog, Undecodable
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.record import UNREADABLE, RecordReader
from stream_workers.reports.stopping import Stopping
from stream_workers.reports.watch import Watch

_log = logging.getLogger(__name__)

_FETCH_MS: Final = 500
_REJOIN_PAUSE_S: Final = 1.0
_IDENTITY_LOOK_S: Final = 60.0
_Result = TypeVar("_Result")


class Pace(msgspec.Struct, frozen=True):
    """How many records a batch has at most, and how many seconds a smaller one waits for the next."""

    max_records: int
    batch_interval: float


class ReportConsumer:
    """Applies one topic's records, in the order of their offsets, to Postgres.

    ``run`` returns after ``stop`` was called, with the batch in hand committed. On ``Stopped`` it leaves the
    group, stays unready and waits to be stopped.
    """

    def __init__(
        self,
        log: ReportLog,
        applier: Applier,
        reader: RecordReader,
        identity: Callable[[], Coroutine[Any, Any, TopicIdentity]],
        watch: Watch,
        *,
        seal_keys: KeyRing,
        pace: Pace,
        clock: Callable[[], datetime],
        metrics: WorkerMetrics,
        health: Health,
    ) -> None:
        self._kafka = log
        self._applier = applier
        self._reader = reader
        self._identity = identity
        self._watch = watch
        self._seal_keys = seal_keys
        self._pace = pace
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._stopping = Stopping()
        self._identity_now: TopicIdentity | None = None
        self._stream = 0
        self._expected: dict[int, int] = {}
        self._positioned = -1
        self._last_time: dict[int, datetime] = {}
        self._identity_due = 0.0
        self._batch_due = 0.0

    def stop(self) -> None:
        """Finish the batch in hand, leave the group, return from ``run``."""
        self._stopping.stop()

    async def run(self) -> None:
        """Work until ``stop``."""
        self._health.note("start", None)
        try:
            while not self._stopping:
                await self._member()
        except Stopped as error:
            self._health.stop(str(error))
            await self._stopping.wait()
        finally:
            await self._applier.close()

    async def _member(self) -> None:
        """One membership of the group, until it fails or the worker stops."""
        try:
            await self._joined()
            while not self._stopping:
                await self._step()
        except (OffsetOutOfRangeError, RecordTooLargeError) as error:
            raise Stopped(
                f"the log does not hold the ledger's next offset ({type(error).__name__})"
            ) from error
        except KafkaError as error:
            _log.warning("lost Kafka", extra={"cause": type(error).__name__})
            self._health.note("kafka", f"waiting for Kafka ({type(error).__name__})")
            await self._stopping.pause(_REJOIN_PAUSE_S)
        finally:
            await self._leave()

    async def _joined(self) -> None:
        self._health.note("kafka", "joining the consumer group")
        self._positioned = -1
        await self._stopping.unless(self._identity())  # joining for a topic that is gone would never end
        await self._stopping.unless(self._kafka.start())

    async def _leave(self) -> None:
        if self._stopping and self._positioned == self._kafka.generation:
            await self._kafka.commit_hint(self._expected)
        await self._kafka.stop()

    async def _step(self) -> None:
        self._health.turn()
        if self._positioned != self._kafka.generation and not await self._position():
            return
        await self._stopping.pause(self._batch_due - time.monotonic())
        try:
            fetched = await self._stopping.unless(self._kafka.fetch(_FETCH_MS, self._pace.max_records))
        except NoOffsetForPartitionError:
            fetched = None  # a new member's partitions, before anybody has set their positions
        except Undecodable as error:
            _log.error("a record cannot be decoded: looking for it", extra={"cause": str(error)})
            await self._step_over_undecodable()
            fetched = None
        if fetched is None:
            if not self._stopping:
                self._positioned = -1
            return
        await self._apply(fetched)
        await self._look_around()

    async def _position(self) -> bool:
        """Seek to where the ledger stands. False where the assignment changes meanwhile."""
        generation, partitions = self._kafka.generation, self._kafka.assigned()
        self._health.note("position", "reading where the ledger stands")
        self._health.note("kafka", None)
        identity = await self._stopping.unless(self._identity())
        if identity is None:
            return False

        async def read(connection: asyncpg.Connection) -> tuple[int, dict[int, int]]:
            stream = await store.stream_number(connection, identity)
            return stream, await store.next_offsets(connection, stream, partitions)

        async def begin(connection: asyncpg.Connection) -> None:
            await store.add_offsets(connection, self._stream, identity, begun, self._seal_keys)

        # Nothing is applied here: a database that is not migrated yet, or a password to come, is waited for.
        try:
            self._stream, offsets = await self._patiently(read, generation, also_wait_for=("stop",))
            unseen = partitions - offsets.keys()
            if unseen:
                begun = await self._kafka.first_offsets(unseen)
                self._alarm_late_starts(begun)
                await self._patiently(begin, generation)
                _, offsets = await self._patiently(read, generation)
        except Abandoned:
            return False
        if generation != self._kafka.generation or not self._kafka.seek(offsets):
            return False
        self._identity_now, self._expected = identity, offsets
        self._positioned = generation
        self._health.note("position", None)
        self._metrics.lag.clear()
        return True

    async def _step_over_undecodable(self) -> None:
        """Go on record by record, and give one that cannot be decoded a row without bytes.

        The client hands over nothing of such a record; it stays in the log, and the ledger says where.
        """
        for partition in sorted(self._expected):
            while self._positioned == self._kafka.generation and not self._stopping:
                following = self._expected[partition]
                if not self._kafka.seek({partition: following}):
                    return
                try:
                    fetched = await self._stopping.unless(self._kafka.fetch(_FETCH_MS, 1, (partition,)))
                except Undecodable:
                    _log.error(
                        "quarantined a record that cannot be decoded",
                        extra={"partition": partition, "offset": following},
                    )
                    at = self._gap_time(partition)
                    await self._apply_items(
                        [Arrival(partition, following, at, trouble=UNREADABLE)], {partition: following + 1}
                    )
                    continue
                if fetched is None or fetched.positions[partition] == following:
                    break
                await self._apply(fetched)

    async def _apply(self, fetched: Fetched) -> None:
        items = assemble(fetched, self._expected, self._reader.read, self._gap_time)
        if items:
            await self._apply_items(items, fetched.positions)

    async def _apply_items(self, items: Sequence[Arrival], positions: Mapping[int, int]) -> None:
        generation = self._positioned
        self._batch_due = 0.0
        if len(items) < self._pace.max_records:
            self._batch_due = time.monotonic() + self._pace.batch_interval
        try:
            async with self._kafka.in_hand:
                await self._applier.apply(self._stream, items, lambda: self._given_up(generation))
        except store.Superseded:
            self._metrics.superseded.inc()
            _log.warning("offsets had moved already: reading where the ledger stands")
            self._batch_due = time.monotonic() + self._pace.batch_interval
            self._positioned = -1
            return
        except Abandoned:
            self._positioned = -1
            return
        self._expected.update(positions)
        for item in items:
            self._last_time[item.partition] = item.received_at

    async def _look_around(self) -> None:
        """Everything that is not a report."""
        generation = self._positioned
        await self._watch.look(
            self._stream, self._expected, self._last_time, lambda: self._given_up(generation)
        )
        if time.monotonic() >= self._identity_due:
            self._identity_due = time.monotonic() + _IDENTITY_LOOK_S
            identity = await self._stopping.unless(self._identity())
            if identity not in (None, self._identity_now):
                _log.error("the topic was deleted and made anew: beginning at its start")
                self._positioned = -1

    def _alarm_late_starts(self, first_offsets: dict[int, int]) -> None:
        for partition, first in first_offsets.items():
            if first > 0:
                self._metrics.late_starts.inc()
                _log.error(
                    "the log had lost its beginning before the ledger began",
                    extra={"partition": partition, "first_offset": first},
                )

    def _gap_time(self, partition: int) -> datetime:
        return self._last_time.get(partition) or self._clock()

    async def _patiently(
        self,
        act: Callable[[asyncpg.Connection], Awaitable[_Result]],
        generation: int,
        *,
        also_wait_for: tuple[store.Meaning, ...] = (),
    ) -> _Result:
        return await self._applier.patiently(
            act, lambda: self._given_up(generation), also_wait_for=also_wait_for
        )

    def _given_up(self, generation: int) -> bool:
        return bool(self._stopping) or generation != self._kafka.generation
