"""Publishing to Kafka, batch by batch: one future for each Kafka batch, none for a record."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder

from ingest_gateway.contracts.partitioning import partition_for
from projections.relay.records import Record, Topics

_BATCH_BYTES: Final = 256 * 1024
_STOP_S: Final = 1


class TopicsMissing(RuntimeError):
    """A topic does not exist yet; `eightbells topics` makes it."""


class Publisher:
    """Sends records and returns when Kafka has them.

    It is made anew after any error: an idempotent producer whose batch was refused cannot go on.
    """

    def __init__(self, producer: AIOKafkaProducer, partitions: int) -> None:
        self._producer = producer
        self._partitions = partitions

    def partition_of(self, patient_id: str) -> int:
        """The patient's partition of the events' topic."""
        return partition_for(patient_id, self._partitions)

    async def send(self, records: Iterable[Record]) -> dict[str, int]:
        """Send records, in order per partition, and wait for every acknowledgement.

        Returns:
            How many records each topic got.

        Raises:
            aiokafka.errors.KafkaError: some may be there and others not; send all of them again.
        """
        filled: defaultdict[tuple[str, int], list[BatchBuilder]] = defaultdict(list)
        for record in records:
            batches = filled[record.topic, record.partition]
            if not batches or not _append(batches[-1], record):
                batches.append(self._producer.create_batch())
                _append(batches[-1], record)
        await asyncio.gather(*(self._send_there(*place, batches) for place, batches in filled.items()))
        counts: defaultdict[str, int] = defaultdict(int)
        for (topic, _), batches in filled.items():
            counts[topic] += sum(batch.record_count() for batch in batches)
        return counts

    async def _send_there(self, topic: str, partition: int, batches: list[BatchBuilder]) -> None:
        futures = [await self._producer.send_batch(batch, topic, partition=partition) for batch in batches]
        await asyncio.gather(*futures)


def _append(batch: BatchBuilder, record: Record) -> bool:
    """False where the batch is full, and closed with that."""
    added = batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
    return added is not None


@asynccontextmanager
async def open_publisher(bootstrap: str, topics: Topics) -> AsyncIterator[Publisher]:
    """A connected publisher, stopped after the block; what is still unsent then is sent again by the next.

    Raises:
        TopicsMissing: the topics have not been made.
        aiokafka.errors.KafkaError: no broker answers.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="eightbells-relay",
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        request_timeout_ms=10_000,
    )
    try:
        await producer.start()
        counts = {topic: await _partition_count(producer, topic) for topic in msgspec.structs.astuple(topics)}
        yield Publisher(producer, counts[topics.events])
    finally:
        await _end(producer)


async def _end(producer: AIOKafkaProducer) -> None:
    """Stop a producer for good, whatever it has not sent.

    aiokafka's ``stop`` waits for ever for a broker that does not come back, and its sender, once cancelled,
    may still wait for a request under way: so what is pending fails first, and the sender is cancelled again.
    """
    producer._message_accumulator.fail_all(ProducerClosed())  # nothing public drops batches
    stopping = asyncio.create_task(producer.stop())
    for _ in range(2):
        await asyncio.wait([stopping], timeout=_STOP_S)
        sender = producer._sender.sender_task
        if not stopping.done() and sender is not None:
            sender.cancel()
    stopping.cancel()
    with suppress(asyncio.CancelledError, KafkaError):
        await stopping


async def _partition_count(producer: AIOKafkaProducer, topic: str) -> int:
    try:
        return len(await producer.partitions_for(topic))
    except KafkaError:
        raise TopicsMissing(f"Topic {topic} does not exist; `eightbells topics` makes it.") from None
