"""Reports gathered by partition, written to Kafka as whole batches, and their waiters told together."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from aiokafka.errors import KafkaError

from ingest_gateway.admission import Admission
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.producer import MAX_BATCH_BYTES, Ack, Producer, Record

_log = logging.getLogger(__name__)

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 2.0
_ABANDON_S = 1.0

NOT_CONNECTED = "Kafka cannot be reached."
NO_ACKS = "Kafka does not confirm reports at the moment."
SHUTTING_DOWN = "This gateway is shutting down."


class Waiter(Protocol):
    """Whoever waits for a record. Exactly one of these is called, once."""

    def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
        """The record is durable. ``received_at`` is RFC 3339; ``offset`` None where the broker can't say."""

    def unpublished(self, *, maybe: bool) -> None:
        """The record is not known to be durable. ``maybe``: it may yet be; otherwise it never will be."""


class _Batch:
    """Records of one partition that are sent, acknowledged and answered together."""

    __slots__ = ("bytes", "count", "opened_at", "partition", "records", "sent", "size", "waiters")

    def __init__(self, partition: int, opened_at: float) -> None:
        self.partition = partition
        self.opened_at = opened_at
        self.records: list[Record] = []
        self.waiters: list[Waiter] = []
        self.size = 0
        self.bytes = 0
        self.count = 0
        self.sent = False


class _Lane:
    """One partition: at most one batch with the producer, the others wait their turn and the last one grows.

    aiokafka has one batch of a partition on the wire anyway, and its queue wakes every waiter for every slot.
    """

    __slots__ = ("flying", "stalled", "waiting")

    def __init__(self) -> None:
        self.flying: _Batch | None = None
        self.stalled = False
        self.waiting: deque[_Batch] = deque()


class Publisher:
    """Publishes to one topic through a producer that it opens, and opens anew when it breaks.

    Nothing here blocks: ``publish`` queues, and the waiter is called from the event loop. Admission says how
    much may be queued; the publisher releases what was reserved for a record once its fate is final. While
    the producer is being opened, and while Kafka confirms nothing, it closes admission.
    """

    def __init__(
        self,
        open_producer: Callable[[], Awaitable[Producer]],
        partitions: int,
        admission: Admission,
        metrics: GatewayMetrics,
        *,
        linger: float,
        ack_timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._open_producer = open_producer
        self._admission = admission
        self._metrics = metrics
        self._linger = linger
        self._ack_timeout = ack_timeout
        self._clock = clock
        self._lanes = [_Lane() for _ in range(partitions)]
        self._loop = asyncio.get_running_loop()
        self._producer: Producer | None = None
        self._broken = asyncio.Event()
        self._flush_scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_ack_at = 0.0
        self._closing = False
        admission.closed_because = NOT_CONNECTED

    def publish(self, partition: int, record: Record, waiter: Waiter) -> None:
        """Queue a record for which ``len(record.value)`` bytes and one report are reserved with admission."""
        lane = self._lanes[partition]
        if lane.stalled:
            self._admission.release(1, len(record.value))
            waiter.unpublished(maybe=False)
            return
        size = record.size
        batch = lane.waiting[-1] if lane.waiting else None
        if batch is None or batch.size + size > MAX_BATCH_BYTES:
            batch = _Batch(partition, self._loop.time())
            lane.waiting.append(batch)
            if not self._flush_scheduled:
                self._flush_scheduled = True
                self._loop.call_later(self._linger, self._flush)
        batch.records.append(record)
        batch.waiters.append(waiter)
        batch.size += size
        batch.bytes += len(record.value)
        batch.count += 1

    async def run(self) -> None:
        """Keep a producer open until cancelled.

        Raises:
            Exception: what ``open_producer`` raises, other than that Kafka cannot be reached.
        """
        while True:
            self._producer = producer = await self._open()
            self._broken.clear()
            self._open_admission()
            self._flush()
            await self._broken.wait()
            self._metrics.producer_rebuilds += 1
            self._close_admission(NOT_CONNECTED)
            self._producer = None
            for lane in self._lanes:
                if lane.flying is not None:
                    self._give_up(lane.flying)
                lane.flying, lane.stalled = None, False
            self._spawn(self._abandon(producer))

    def sweep(self, tick: float) -> None:
        """Answer whoever has waited for ``ack_timeout``. To be called every ``tick`` seconds."""
        now = self._loop.time()
        expired = now + tick - self._ack_timeout
        stalled = False
        for lane in self._lanes:
            if lane.flying is not None and lane.flying.opened_at <= expired:
                self._give_up(lane.flying)
                lane.stalled = stalled = True
            while lane.waiting and lane.waiting[0].opened_at <= expired:
                batch = lane.waiting.popleft()
                self._give_up(batch)
                self._release(batch)
        if stalled and self._last_ack_at <= expired and self._admission.closed_because is None:
            _log.error("Kafka confirms nothing; refusing reports until it does")
            self._close_admission(NO_ACKS)

    def refuse(self, reason: str) -> None:
        """Close admission for good: the gateway is shutting down."""
        self._closing = True
        self._admission.closed_because = reason

    async def close(self, within: float) -> None:
        """End the producer; what it could not send in ``within`` seconds stays unknown."""
        self.refuse(SHUTTING_DOWN)
        self._flush()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
        if self._producer is not None:
            await self._producer.close(within)
            self._producer = None

    @property
    def refusing_because(self) -> str | None:
        """Why no report can be published now; None when they can."""
        return self._admission.closed_because

    async def _open(self) -> Producer:
        delay = _FIRST_RETRY_S
        while True:
            try:
                return await self._open_producer()
            except (OSError, KafkaError, TimeoutError) as error:
                _log.warning("Kafka cannot be reached", extra={"reason": type(error).__name__})
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_RETRY_S)

    def _flush(self) -> None:
        """Hand every lane's oldest batch to the producer, where the lane has none there."""
        self._flush_scheduled = False
        if self._producer is None:
            return
        ready = []
        for lane in self._lanes:
            if lane.waiting and lane.flying is None:
                lane.flying = lane.waiting.popleft()
                ready.append(lane.flying)
        if ready:
            self._spawn(self._send(self._producer, ready))

    async def _send(self, producer: Producer, batches: list[_Batch]) -> None:
        for batch in batches:
            if producer is not self._producer:  # it broke meanwhile: this batch was never handed over
                self._give_up(batch)
                self._release(batch)
                continue
            batch.sent = True
            try:
                ack = await producer.send(batch.partition, batch.records)
            except Exception as error:
                self._settle(batch, producer, None, error)
            else:
                ack.add_done_callback(partial(self._acknowledged, batch, producer))

    def _acknowledged(self, batch: _Batch, producer: Producer, ack: "asyncio.Future[Ack]") -> None:
        error = asyncio.CancelledError() if ack.cancelled() else ack.exception()
        self._settle(batch, producer, None if error else ack.result(), error)

    def _settle(
        self, batch: _Batch, producer: Producer, ack: Ack | None, error: BaseException | None
    ) -> None:
        """A batch's fate is final, as far as Kafka ever tells."""
        self._release(batch)
        if ack is None:
            self._give_up(batch)
            if producer is self._producer and not self._broken.is_set():
                _log.error(
                    "The Kafka producer is broken",
                    extra={"reason": type(error).__name__, "partition": batch.partition},
                )
                self._broken.set()
            return
        self._tell(batch, ack)
        if producer is not self._producer:
            return
        lane = self._lanes[batch.partition]
        lane.flying, lane.stalled = None, False
        if self._admission.closed_because == NO_ACKS:
            self._open_admission()
        if lane.waiting and not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _tell(self, batch: _Batch, ack: Ack) -> None:
        now = self._loop.time()
        self._last_ack_at = now
        metrics = self._metrics
        metrics.ack_seconds.observe(now - batch.opened_at)
        metrics.batch_reports.observe(batch.count)
        if not batch.waiters:
            metrics.late_acks += batch.count
        base = ack.offset if ack.offset >= 0 else None
        received_at = self._received_at(ack.timestamp)
        for index, waiter in enumerate(batch.waiters):
            try:
                waiter.published(batch.partition, None if base is None else base + index, received_at)
            except Exception:
                _log.exception("A report's sender could not be answered")

    def _received_at(self, timestamp: int) -> bytes:
        """The broker's time in RFC 3339; ours where the broker gave none."""
        at = datetime.fromtimestamp(timestamp / 1000, UTC) if timestamp >= 0 else self._clock()
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()

    def _give_up(self, batch: _Batch) -> None:
        """Tell the waiters that nothing more is known; the batch itself may live on."""
        waiters, batch.waiters = batch.waiters, []
        if batch.sent:
            self._metrics.unknown_outcomes += len(waiters)
        for waiter in waiters:
            try:
                waiter.unpublished(maybe=batch.sent)
            except Exception:
                _log.exception("A report's sender could not be answered")

    def _release(self, batch: _Batch) -> None:
        self._admission.release(batch.count, batch.bytes)
        batch.records = []

    def _open_admission(self) -> None:
        if not self._closing:
            self._admission.closed_because = None

    def _close_admission(self, reason: str) -> None:
        if not self._closing:
            self._admission.closed_because = reason

    async def _abandon(self, producer: Producer) -> None:
        await producer.close(_ABANDON_S)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
