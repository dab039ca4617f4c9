"""Where a worker begins to read: Postgres says it, and a log that disagrees stops it."""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.integration.stream_workers.world import World


async def cut_log(world: World, partition: int, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka)
    await admin.start()
    try:
        cut: dict[Any, Any] = {TopicPartition(world.topic.name, partition): RecordsToDelete(before)}
        await admin.delete_records(cut)
    finally:
        await admin.close()


async def test_a_log_without_the_ledgers_next_offset_stops_the_worker_and_skips_nothing(world: World) -> None:
    await world.send_reports(1)
    await world.apply()
    await world.send_reports(1, 1, 1)
    await cut_log(world, world.record(world.report(1)).partition, 3)
    async with world.worker() as worker:
        assert "OffsetOutOfRange" in await world.stopped(worker)
    assert await world.owner.fetchval("select count(*) from ledger") == 1


async def test_a_ledger_that_meets_a_log_without_its_beginning_says_so_and_begins_there(world: World) -> None:
    await world.send_reports(1, 1, 1)
    home = world.record(world.report(1)).partition
    await cut_log(world, home, 2)
    async with world.worker() as worker:
        await world.applied()
        assert worker.metric("eightbells_worker_late_starts_total") == 1
    [state] = [one for one in (await world.verified()).partitions if one.partition == home]
    assert (state.first, state.next, state.accepted) == (2, 3, 1)
    await world.clean()


async def test_the_groups_offsets_in_kafka_are_only_a_hint(world: World) -> None:
    await world.send_reports(1, 2, 3)
    await world.apply()
    await world.owner.execute("set session_replication_role = replica")
    await world.owner.execute("delete from ledger; delete from report_ids; delete from seals")
    await world.owner.execute("delete from offsets; delete from outbox")
    await world.owner.execute("update visits set completed_at = null, timeliness = null, forms = null")
    await world.owner.execute("update slot_counts set on_time = 0")
    await world.apply()
    assert await world.owner.fetchval("select count(*) from ledger where disposition = 'accepted'") == 3
    await world.clean()
