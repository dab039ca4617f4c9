"""What a topic holds in the end."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest_gateway.contracts.topics import TopicSpec


async def everything_in(kafka: str, topic: TopicSpec) -> list[bytes]:
    """Every value in a topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, 0)
        values: list[bytes] = []
        while len(values) < sum(ends.values()):
            got = await consumer.getmany(timeout_ms=500)
            values += [record.value for records in got.values() for record in records]
        return values
    finally:
        await consumer.stop()
