import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.topics import TopicSpec
from ingest_gateway.process.topics import ensure_topics
from projections.relay.metrics import Metrics
from projections.relay.numbering import CHANNEL, enter_epoch, number_batches
from projections.relay.records import Topics
from projections.relay.relay import Relay
from projections.relay.retention import Retention
from tests.conftest import Database, Services
from tests.integration.projections.conftest import NOW
from tests.waiting import patiently

PARTITIONS = 3
NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def relay_url(database: Database) -> str:
    return database.role("eightbells_relay")


@pytest.fixture
async def connection(relay_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(relay_url)
    yield made
    await made.close()


@pytest.fixture
def bootstrap(services: Services) -> str:
    return services.kafka


@pytest.fixture
async def topics(bootstrap: str) -> AsyncIterator[Topics]:
    prefix = f"eb-test-{secrets.token_hex(4)}"
    made = Topics(f"{prefix}.events", f"{prefix}.alerts", f"{prefix}.seals")
    specs = [
        TopicSpec(made.events, PARTITIONS, {}),
        TopicSpec(made.alerts, PARTITIONS, {}),
        TopicSpec(made.seals, 1, {}),
    ]
    await ensure_topics(bootstrap, specs, 1, 1)
    yield made
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([spec.name for spec in specs])
    await admin.close()


def event(patient_id: str, number: int, kind: str = "visit.completed") -> dict[str, object]:
    return {
        "id": f"e-{patient_id}-{number}",
        "type": kind,
        "studyId": "EB-TEST",
        "siteId": "S-01",
        "patientId": patient_id,
        "at": NOW.isoformat(),
        "data": {"visitId": f"V-{number}"},
    }


async def write(
    connection: asyncpg.Connection,
    events: list[dict[str, object]] | None = None,
    seals: list[dict[str, object]] | None = None,
) -> int:
    """One outbox row, as a worker's transaction writes it."""
    outbox_id: int = await connection.fetchval(
        "insert into outbox (written_at, events, seals) values ($1, $2, $3) returning outbox_id",
        NOW,
        json.dumps(events or []),
        json.dumps(seals or []),
    )
    return outbox_id


async def numbers(owner: asyncpg.Connection) -> dict[int, int]:
    rows = await owner.fetch("select outbox_id, batch from outbox where batch is not null")
    return {row["outbox_id"]: row["batch"] for row in rows}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with patiently():
        while not await condition():  # noqa: ASYNC110 - what is awaited is in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def relaying(url: str, bootstrap: str, topics: Topics) -> AsyncIterator[Relay]:
    retention = Retention(timedelta(days=30), lambda: NOW)
    relay = Relay(url, bootstrap, Metrics(CollectorRegistry()), retention, 0.01, topics)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def consume(
    bootstrap: str, topic: str, partition: int, count: int
) -> list[tuple[bytes, dict[str, bytes], dict[str, object]]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition)])
        async with patiently():
            found = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [(one.key, dict(one.headers), json.loads(one.value)) for one in found]


async def test_committed_batches_are_numbered_without_gaps_in_their_order(
    connection: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    written = [await write(owner) for _ in range(5)]
    await enter_epoch(connection)
    await number_batches(connection)
    assert await numbers(owner) == dict(zip(written, range(1, 6), strict=True))


async def test_a_transaction_that_commits_late_is_not_skipped(
    connection: asyncpg.Connection, owner: asyncpg.Connection, database: Database
) -> None:
    await enter_epoch(connection)
    slow = await asyncpg.connect(database.url)
    transaction = slow.transaction()
    await transaction.start()
    first = await write(slow)
    second = await write(owner)
    await number_batches(connection)
    assert await numbers(owner) == {second: 1}
    await transaction.commit()
    await number_batches(connection)
    assert await numbers(owner) == {second: 1, first: 2}
    await slow.close()


async def test_a_transaction_that_rolls_back_leaves_no_gap(
    connection: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await enter_epoch(connection)
    before = await write(owner)
    transaction = owner.transaction()
    await transaction.start()
    await write(owner)
    await transaction.rollback()
    after = await write(owner)
    await number_batches(connection)
    assert await numbers(owner) == {before: 1, after: 2}


async def test_the_cursor_is_notified_once_its_batches_can_be_read(
    connection: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()

    def hear(*notification: object) -> None:
        heard.put_nowait(notification[-1])

    await owner.add_listener(CHANNEL, hear)
    head, _ = await enter_epoch(connection)
    await write(owner)
    await write(owner)
    await number_batches(connection)
    async with patiently():
        assert await heard.get() == f"{head.epoch}.2"
    await owner.remove_listener(CHANNEL, hear)


async def test_a_restart_keeps_the_epoch_and_a_restore_changes_it_while_numbers_go_on(
    connection: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    first, _ = await enter_epoch(connection)
    await write(owner)
    await number_batches(connection)
    again, _ = await enter_epoch(connection)
    assert again.epoch == first.epoch
    await owner.execute("update relay_state set lineage = 'another cluster/00000001'")
    restored, _ = await enter_epoch(connection)
    assert restored.epoch != first.epoch
    written = await write(owner)
    head = await number_batches(connection)
    assert head is not None
    assert head.epoch == restored.epoch
    assert (await numbers(owner))[written] == 2


async def test_of_two_relays_one_leads_and_the_other_takes_over_when_it_is_lost(
    relay_url: str, owner: asyncpg.Connection, bootstrap: str, topics: Topics
) -> None:
    async with relaying(relay_url, bootstrap, topics) as one, relaying(relay_url, bootstrap, topics) as two:

        async def both_ready() -> bool:
            return one.why_not_ready() is None and two.why_not_ready() is None

        await until(both_ready)
        assert one.leads != two.leads
        for _ in range(20):
            await write(owner)
        lost = await owner.fetchval(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        assert lost
        written = await write(owner)

        async def numbered() -> bool:
            return written in await numbers(owner)

        await until(numbered)
        assert sorted((await numbers(owner)).values()) == list(range(1, 22))


async def test_numbering_goes_on_while_kafka_is_away(
    relay_url: str, owner: asyncpg.Connection, topics: Topics
) -> None:
    async with relaying(relay_url, NOWHERE, topics) as relay:
        written = await write(owner, [event("P-1", 1)])

        async def numbered() -> bool:
            return written in await numbers(owner)

        await until(numbered)
        assert relay.why_not_ready() is not None
        assert await owner.fetchval("select published_batch from relay_state") == 0


async def test_events_are_published_in_order_per_patient_with_cloudevents_names(
    relay_url: str, owner: asyncpg.Connection, bootstrap: str, topics: Topics
) -> None:
    for number in range(1, 4):
        await write(owner, [event(patient, number) for patient in ("P-1", "P-2")])
    await write(owner, [event("P-1", 4, "alert.raised")])
    async with relaying(relay_url, bootstrap, topics):

        async def published() -> bool:
            return bool(await owner.fetchval("select published_batch from relay_state") == 4)

        await until(published)
    partition = partition_for("P-1", PARTITIONS)
    together = partition_for("P-2", PARTITIONS) == partition
    found = await consume(bootstrap, topics.events, partition, 7 if together else 4)
    mine = [entry for entry in found if entry[0] == b"P-1"]
    assert [value["id"] for _, _, value in mine] == ["e-P-1-1", "e-P-1-2", "e-P-1-3", "e-P-1-4"]
    _, headers, value = mine[0]
    assert value == event("P-1", 1)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == b"e-P-1-1"
    assert headers["ce_type"] == b"visit.completed"
    [(key, _, alert)] = await consume(bootstrap, topics.alerts, partition, 1)
    assert key == b"P-1"
    assert alert["type"] == "alert.raised"


async def test_seal_heads_are_published_under_their_partition(
    relay_url: str, owner: asyncpg.Connection, bootstrap: str, topics: Topics
) -> None:
    head = {"partition": 7, "firstOffset": 10, "lastOffset": 19, "seal": "ab12"}
    await write(owner, [], [head])
    async with relaying(relay_url, bootstrap, topics):
        [(key, _, value)] = await consume(bootstrap, topics.seals, 0, 1)
    assert key == b"7"
    assert value == head
