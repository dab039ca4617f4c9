"""The Kafka producer under the publisher: whole batches in, one future each out (aiokafka)."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

MAX_BATCH_BYTES = 1024 * 1024
"""A batch of ours, by the estimate of ``Record.size``; well below the topic's ``max.message.bytes``."""

_BUILDER_BYTES = MAX_BATCH_BYTES * 3 // 2
_REQUEST_TIMEOUT_MS = 10_000
_RECORD_OVERHEAD = 64
_HEADER_OVERHEAD = 32
_GRACE_S = 0.5


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record: key, value and headers as they go to Kafka."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]

    @property
    def size(self) -> int:
        """Bytes in a batch, never less than they will be."""
        size = len(self.key) + len(self.value) + _RECORD_OVERHEAD + _HEADER_OVERHEAD * len(self.headers)
        for header in self.headers:
            size += len(header[1])
        return size


class Ack(Protocol):
    """Kafka's answer to a batch. ``offset`` is its first record's, negative where the broker can't say.

    ``timestamp`` is the topic's LogAppendTime in ms since the epoch, negative where the broker can't say.
    """

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102


class Producer(Protocol):
    """What the publisher needs of Kafka; the tests' fake passes the same contract suite as the real one."""

    async def send(self, partition: int, records: Sequence[Record]) -> "asyncio.Future[Ack]":
        """Hand over one batch; returns once the producer has it, with the future of its acknowledgement.

        An error, here or of the future, means that the producer is not to be used any more.
        """

    async def close(self, within: float) -> None:
        """Send what is pending for at most ``within`` seconds, then end it, whatever is left."""


class KafkaProducer:
    """Idempotent, acknowledged by all in-sync replicas.

    aiokafka retries a batch for ever while the error is one that passes, in the order of the partition. Any
    other error leaves the batch's sequence numbers used up, after which the broker refuses every later batch
    of that partition (aiokafka issue 1017): such a producer has to be closed and another one opened.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    @classmethod
    async def open(cls, bootstrap: str, topic: str) -> "KafkaProducer":
        """Connect to Kafka and learn the topic's partitions.

        Raises:
            aiokafka.errors.KafkaError: no broker answers, or the topic is unknown.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=_BUILDER_BYTES,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        opened = cls(producer, topic)
        try:
            await producer.start()
            await producer.partitions_for(topic)
        except BaseException:
            await opened.close(0)
            raise
        return opened

    async def send(self, partition: int, records: Sequence[Record]) -> "asyncio.Future[Ack]":
        """Build a batch and queue it; aiokafka sends one batch of a partition at a time."""
        batch = self._producer.create_batch()
        for record in records:
            if (
                batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
                is None
            ):
                raise ValueError("a batch larger than the producer's limit")
        batch.close()
        ack: asyncio.Future[Ack] = await self._producer.send_batch(batch, self._topic, partition=partition)
        return ack

    async def close(self, within: float) -> None:
        """Flush for at most ``within`` seconds, then stop for good; what is left fails with ProducerClosed.

        aiokafka's own ``stop`` waits for ever for a broker that doesn't come back, and its sender reconnects
        after ``client.close``. So the sender is cancelled: once to stop it, once for the request it awaits.
        """
        stopping = asyncio.create_task(self._producer.stop())
        await asyncio.wait([stopping], timeout=within)
        if not stopping.done():
            sender = self._producer._sender.sender_task
            tasks = [task for task in (sender, asyncio.create_task(self._producer.client.close())) if task]
            for _ in range(2):
                if sender is not None:
                    sender.cancel()
                await asyncio.wait(tasks, timeout=_GRACE_S)
            self._producer._message_accumulator.fail_all(ProducerClosed())
            await asyncio.wait([stopping], timeout=_GRACE_S)
            stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await stopping
