"""The world that tests of the worker happen in."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from ingest_gateway.contracts.topics import TopicSpec
from tests.conftest import Database, Services
from tests.integration.stream_workers.world import ITEMS, STUDY, World


@pytest.fixture
async def world(services: Services, database: Database, topic: TopicSpec) -> AsyncIterator[World]:
    owner = await asyncpg.connect(database.url)
    await owner.execute(STUDY)
    for name in ("diary", "mood", "notes"):
        definition = json.dumps({"id": name, "version": "1", "items": ITEMS})
        await owner.execute("insert into instruments values ('S', $1, '1', $2, 'x')", name, definition)
    producer = AIOKafkaProducer(bootstrap_servers=services.kafka, max_request_size=2 * 1024 * 1024)
    await producer.start()
    try:
        yield World(
            services.kafka,
            topic,
            database.url,
            database.role("eightbells_worker"),
            database.role("eightbells_reader"),
            owner,
            producer,
        )
    finally:
        await producer.stop()
        await owner.close()
