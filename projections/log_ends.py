"""What Kafka says for verification: where each partition ends, and the seal heads published there."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import UnknownTopicOrPartitionError

from ingest_gateway.process.topics import topic_identity
from projections.seal_check import SealHead

_TAIL_RECORDS: Final = 5000
_WITHIN_MS: Final = 10_000


async def log_ends(bootstrap: str, topic: str) -> dict[int, int]:
    """The end of each partition's log, transaction markers included.

    Raises:
        aiokafka.errors.KafkaError: no broker answers, or there is no such topic.
    """
    async with _reading(bootstrap, topic) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        return {one.partition: end for one, end in ends.items()}


async def published_heads(bootstrap: str, topic: str) -> list[SealHead]:
    """The last seal heads that were published, some thousands of them; none where there is no such topic.

    Raises:
        aiokafka.errors.KafkaError: no broker answers.
    """
    try:
        async with _reading(bootstrap, topic) as consumer:
            return await _tail(consumer)
    except UnknownTopicOrPartitionError:
        return []


@contextlib.asynccontextmanager
async def _reading(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of every partition, in no group, that begins nowhere by itself."""
    await topic_identity(bootstrap, topic)  # a consumer would wait long for a topic that is not there
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="none", enable_auto_commit=False
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _tail(consumer: AIOKafkaConsumer) -> list[SealHead]:
    partitions = consumer.assignment()
    ends = await consumer.end_offsets(partitions)
    begins = await consumer.beginning_offsets(partitions)
    for one in partitions:
        consumer.seek(one, max(begins[one], ends[one] - _TAIL_RECORDS))
    heads: list[SealHead] = []
    unread = {one for one in partitions if begins[one] < ends[one]}
    while unread:
        found = await consumer.getmany(*unread, timeout_ms=_WITHIN_MS)
        if not found:
            break
        heads.extend(
            msgspec.json.decode(record.value, type=SealHead)
            for records in found.values()
            for record in records
        )
        unread = {one for one in unread if await consumer.position(one) < ends[one]}
    return heads
