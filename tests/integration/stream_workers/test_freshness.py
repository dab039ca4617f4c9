"""How fresh Postgres is, as the worker says it: also when nothing arrives."""

import asyncio

from tests.integration.stream_workers.world import World

_BEHIND = "select count(*) filter (where seen_until is null or seen_until < $1) from offsets"


async def test_an_idle_worker_keeps_saying_that_everything_is_applied(world: World) -> None:
    await world.send_reports(1, 2)
    async with world.worker():
        await world.applied()
        later = await world.owner.fetchval("select now()")
        for _ in range(200):
            if not await world.owner.fetchval(_BEHIND, later):
                break
            await asyncio.sleep(0.1)
        assert await world.owner.fetchval(_BEHIND, later) == 0
        assert await world.owner.fetchval("select count(*) from offsets") == world.topic.partitions


async def test_a_worker_that_is_gone_says_nothing(world: World) -> None:
    await world.send_reports(1)
    await world.apply()
    said = await world.owner.fetchval("select max(seen_until) from offsets")
    now = await world.owner.fetchval("select now()")
    assert said is None or said < now
