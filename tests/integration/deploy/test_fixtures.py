"""The fixtures that other tests stand on."""

import asyncpg

from ingest_gateway.contracts.topics import TopicSpec
from ingest_gateway.process.topics import check_topic
from tests.conftest import Database, Services


async def test_every_role_logs_in_to_a_migrated_database_of_the_tests_own(database: Database) -> None:
    connection = await asyncpg.connect(database.role("eightbells_api"))
    try:
        assert await connection.fetchval("select count(*) from patients") == 0
        assert await connection.fetchval("select current_user") == "eightbells_api"
    finally:
        await connection.close()


async def test_a_tests_own_topic_has_the_settings_of_the_contract(
    services: Services, topic: TopicSpec
) -> None:
    assert (await check_topic(services.kafka, topic)).topic == topic.name
