"""The topic is deleted, and made anew, under a running worker: it says so, and skips nothing."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError

from ingest_gateway.process.topics import ensure_topics, topic_identity
from projections.log_ends import log_ends
from stream_workers.reports.log import ReportLog
from tests.integration.stream_workers.world import World
from tests.waiting import patiently


async def delete(world: World) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka)
    await admin.start()
    try:
        await admin.delete_topics([world.topic.name])
    finally:
        await admin.close()


async def gone(world: World) -> None:
    """Wait until the broker knows the topic no more."""
    async with patiently():
        while True:
            try:
                await topic_identity(world.kafka, world.topic.name)
            except UnknownTopicOrPartitionError:
                return
            await world.pause()


async def nothing_is_skipped(world: World) -> None:
    """The ledger holds every offset of the topic that is there now, and is whole for the one before."""
    result = await world.verified()
    assert result.findings == []
    now = [one for one in result.partitions if one.end is not None]
    assert len(now) == world.topic.partitions
    assert all((one.first, one.next) == (0, one.end) for one in now)


async def test_a_deleted_topic_stops_the_worker_with_the_reason_and_the_next_begins_the_new_one(
    world: World,
) -> None:
    async with world.worker() as worker:
        await world.send_reports(*range(1, 50))
        await world.applied()
        await delete(world)
        assert "does not exist" in await world.stopped(worker)
    await ensure_topics(world.kafka, [world.topic], 1, 1)
    await world.send_reports(*range(1, 100), visitId="V-both")
    await world.apply()
    await nothing_is_skipped(world)


async def test_a_worker_that_joins_for_a_topic_that_is_gone_stops_with_the_reason(world: World) -> None:
    await delete(world)
    await gone(world)
    async with world.worker() as worker:
        assert "does not exist" in await world.stopped(worker)


async def test_a_topic_made_anew_at_once_and_grown_past_the_ledger_is_read_from_its_start(
    world: World,
) -> None:
    async with world.worker() as worker:
        await world.send_reports(*range(1, 50))
        await world.applied()
        old = await topic_identity(world.kafka, world.topic.name)
        await delete(world)
        while True:
            await ensure_topics(world.kafka, [world.topic], 1, 1)
            if (await topic_identity(world.kafka, world.topic.name)).topic_id != old.topic_id:
                break
        for _ in range(3):
            await world.send_reports(*range(1, 50), visitId="V-both")
        ends = await log_ends(world.kafka, world.topic.name)

        async def applied() -> int:
            return int(
                await world.owner.fetchval(
                    "select count(distinct (kafka_partition, kafka_offset)) from ledger"
                    " join streams using (stream_id) where topic_id <> $1",
                    old.topic_id,
                )
            )

        while await applied() < sum(ends.values()):
            if (worker.health.readiness() or "").startswith("stopped"):
                break
            await world.pause(0.1)
    await world.apply()
    await nothing_is_skipped(world)


async def test_a_hint_about_a_topic_that_is_gone_is_given_up(world: World) -> None:
    log = ReportLog(world.kafka, world.topic.name, world.group)
    try:
        await log.start()
        assert log.seek(dict.fromkeys(log.assigned(), 0))
        await delete(world)
        await gone(world)
        async with patiently():
            await log.commit_hint({0: 0})
    finally:
        await log.stop()
