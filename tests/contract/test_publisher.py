"""One suite over the fake Kafka and the real one: what the publisher, and whoever waits, may rely on."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from ingest_gateway.admission import Admission
from ingest_gateway.bootstrap import OpenProducer
from ingest_gateway.contracts.topics import TopicSpec, topic_specs
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.process.topics import ensure_topics
from ingest_gateway.producer import KafkaProducer, Record
from ingest_gateway.publisher import Publisher
from tests.conftest import Services
from tests.gateways import FakeKafka
from tests.waiting import until

PARTITIONS = 12
Read = Callable[[int], Awaitable[list[Record]]]


@dataclass
class Outcome:
    """A waiter that remembers what it was told."""

    partition: int | None = None
    offset: int | None = None
    received_at: str = ""
    maybe: bool | None = None
    told: int = 0

    def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
        self.partition, self.offset, self.received_at = partition, offset, received_at.decode()
        self.told += 1

    def unpublished(self, *, maybe: bool) -> None:
        self.maybe = maybe
        self.told += 1


@dataclass
class Publishing:
    """A running publisher and what lies behind it."""

    publisher: Publisher
    admission: Admission
    metrics: GatewayMetrics
    read: Read

    def publish(self, value: bytes, partition: int = 3) -> Outcome:
        outcome = Outcome()
        self.admission.reserve(len(value))
        headers = [("userId", b"u-1"), ("role", b"patient"), ("sentAt", b"2026-11-22T08:00:04Z")]
        self.publisher.publish(partition, Record(b"P-1", value, headers), outcome)
        return outcome

    async def all_told(self, outcomes: list[Outcome]) -> None:
        await until(lambda: all(outcome.told for outcome in outcomes))


@contextlib.asynccontextmanager
async def publishing(open_producer: OpenProducer, read: Read) -> AsyncIterator[Publishing]:
    admission, metrics = Admission(10_000, 2**30), GatewayMetrics()
    publisher = Publisher(
        open_producer,
        PARTITIONS,
        admission,
        metrics,
        linger=0.005,
        ack_timeout=5,
        clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
    )
    running = asyncio.create_task(publisher.run())
    try:
        yield Publishing(publisher, admission, metrics, read)
    finally:
        running.cancel()
        await publisher.close(2)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Publishing]:
    """A publisher over each of the two."""
    if request.param == "fake":
        kafka = FakeKafka()

        async def read_fake(partition: int) -> list[Record]:
            return kafka.records[partition]

        async with publishing(kafka.open, read_fake) as fake:
            await until(lambda: fake.publisher.refusing_because is None)
            yield fake
        return
    services: Services = request.getfixturevalue("services")
    spec = TopicSpec(f"eb-test-{secrets.token_hex(6)}", PARTITIONS, topic_specs(PARTITIONS)[0].settings)
    await ensure_topics(services.kafka, [spec], 1, 1)

    async def read_real(partition: int) -> list[Record]:
        consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            place = TopicPartition(spec.name, partition)
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            consumer.seek(place, 0)
            records: list[Record] = []
            while len(records) < end:
                got = await consumer.getmany(place, timeout_ms=500)
                records += [Record(m.key, m.value, list(m.headers)) for m in got.get(place, [])]
            return records
        finally:
            await consumer.stop()

    async with publishing(lambda: KafkaProducer.open(services.kafka, spec.name), read_real) as real:
        await until(lambda: real.publisher.refusing_because is None)
        yield real
    admin = AIOKafkaAdminClient(bootstrap_servers=services.kafka)
    await admin.start()
    await admin.delete_topics([spec.name])
    await admin.close()


async def test_a_record_is_kept_byte_for_byte_and_its_receipt_says_where(world: Publishing) -> None:
    outcome = world.publish(b'{"a": 1}', partition=7)
    await world.all_told([outcome])
    assert (outcome.partition, outcome.offset, outcome.maybe) == (7, 0, None)
    assert datetime.fromisoformat(outcome.received_at).tzinfo is not None
    [record] = await world.read(7)
    assert record.value == b'{"a": 1}'
    assert record.key == b"P-1"
    assert dict(record.headers) == {"userId": b"u-1", "role": b"patient", "sentAt": b"2026-11-22T08:00:04Z"}


async def test_each_receipt_names_the_offset_its_record_has(world: Publishing) -> None:
    outcomes = []
    for number in range(500):
        outcomes.append(world.publish(b"%d" % number, partition=number % PARTITIONS))
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await world.all_told(outcomes)
    for partition in range(PARTITIONS):
        records = await world.read(partition)
        mine = [(n, o) for n, o in enumerate(outcomes) if n % PARTITIONS == partition]
        assert len(records) == len(mine)
        for number, outcome in mine:
            assert outcome.offset is not None
            assert records[outcome.offset].value == b"%d" % number


async def test_more_than_a_batch_holds_goes_into_several(world: Publishing) -> None:
    outcomes = [world.publish(bytes([65 + n % 26]) * 64 * 1024) for n in range(60)]
    await world.all_told(outcomes)
    assert [outcome.offset for outcome in outcomes] == list(range(60))
    assert len(await world.read(3)) == 60


async def test_every_waiter_is_told_once_and_nothing_stays_counted(world: Publishing) -> None:
    outcomes = [world.publish(b"x" * 100, partition=n % PARTITIONS) for n in range(100)]
    await world.all_told(outcomes)
    assert {outcome.told for outcome in outcomes} == {1}
    assert (world.admission.reports, world.admission.bytes) == (0, 0)


async def test_closing_sends_what_is_still_gathered(world: Publishing) -> None:
    outcomes = [world.publish(b"late", partition=n) for n in range(PARTITIONS)]
    await world.publisher.close(5)
    await world.all_told(outcomes)
    assert {outcome.offset for outcome in outcomes} == {0}
