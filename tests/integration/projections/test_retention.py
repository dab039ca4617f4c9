from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from projections.relay.numbering import enter_epoch, number_batches
from projections.relay.records import Topics
from projections.relay.retention import forget_batches
from tests.conftest import Database
from tests.integration.projections.conftest import NOW, World
from tests.integration.projections.sockets import Push, event, pushing
from tests.integration.projections.test_relay import bootstrap, relay_url, relaying, topics, until
from tests.waiting import patiently

__all__ = ["bootstrap", "relay_url", "topics"]
OLD = NOW - timedelta(days=31)
BEFORE = NOW - timedelta(days=30)


@pytest.fixture
async def relay(relay_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(relay_url)
    await enter_epoch(made)
    yield made
    await made.close()


async def written(owner: asyncpg.Connection, count: int, days: float = 31) -> None:
    """So many outbox batches, written so long ago."""
    await owner.execute(
        "insert into outbox (written_at, events) select $1, '[]' from generate_series(1, $2)",
        NOW - timedelta(days=days),
        count,
    )


async def published(owner: asyncpg.Connection, until_batch: int) -> None:
    await owner.execute("update relay_state set published_batch = $1", until_batch)


async def left(owner: asyncpg.Connection) -> list[int | None]:
    return [row[0] for row in await owner.fetch("select batch from outbox order by batch")]


async def test_old_published_batches_are_forgotten_and_the_newest_stay(
    relay: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await written(owner, 10)
    await number_batches(relay)
    await published(owner, 10)
    assert await forget_batches(relay, BEFORE, newest_kept=3) == 7
    assert await left(owner) == [8, 9, 10]
    assert await forget_batches(relay, BEFORE, newest_kept=3) == 0


async def test_what_is_not_published_or_has_no_number_is_never_forgotten(
    relay: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await written(owner, 4)
    await number_batches(relay)
    await published(owner, 2)
    await written(owner, 2)
    assert await forget_batches(relay, BEFORE, newest_kept=0) == 2
    assert await left(owner) == [3, 4, None, None]
    assert await forget_batches(relay, BEFORE, newest_kept=0) == 0


@pytest.mark.parametrize("which", ["batch is null", "batch = 2", "true"])
async def test_the_database_itself_refuses_to_delete_what_is_not_published(
    relay: asyncpg.Connection, owner: asyncpg.Connection, which: str
) -> None:
    await written(owner, 2)
    await number_batches(relay)
    await published(owner, 1)
    await written(owner, 1)
    for connection in (relay, owner):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="has not been published"):
            await connection.execute(f"delete from outbox where {which}")  # noqa: S608 - ours
    assert await left(owner) == [1, 2, None]


async def test_a_batch_that_is_too_young_keeps_those_after_it(
    relay: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    for days in (40, 29, 35):
        await written(owner, 1, days)
    await number_batches(relay)
    await published(owner, 3)
    assert await forget_batches(relay, BEFORE, newest_kept=0) == 1
    assert await left(owner) == [2, 3]


async def test_each_statement_deletes_a_few_at_most(
    relay: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await written(owner, 9)
    await number_batches(relay)
    await published(owner, 9)
    assert [await forget_batches(relay, BEFORE, 0, chunk=4) for _ in range(3)] == [4, 4, 1]


async def test_a_running_relay_forgets_what_it_has_published_long_ago(
    relay_url: str, relay: asyncpg.Connection, owner: asyncpg.Connection, bootstrap: str, topics: Topics
) -> None:
    await written(owner, 1_300)
    while await number_batches(relay):
        pass
    await relay.close()
    await published(owner, 1_300)
    async with relaying(relay_url, bootstrap, topics):

        async def forgotten() -> bool:
            return bool(await owner.fetchval("select min(batch) from outbox") == 301)

        await until(forgotten)
    assert await left(owner) == list(range(301, 1_301))


async def forget(push: Push, until_batch: int) -> None:
    """As if the relay had published everything and forgotten batches up to this one."""
    owner = push.world.owner
    await owner.execute("update relay_state set published_batch = last_batch")
    await owner.execute("delete from outbox where batch <= $1", until_batch)


async def test_a_cursor_at_the_edge_of_what_is_kept_misses_nothing_and_one_before_it_gets_resync(
    world: World, database: Database
) -> None:
    async with pushing(world, database) as push:
        async with push.reader(world.doctor()) as first:
            epoch = first.cursor.partition(".")[0]
            await push.write(*([event(number)] for number in range(1, 81)))
            await first.until("e-80")
        await forget(push, 20)
        async with push.reader(world.doctor(), f"{epoch}.20") as at_the_edge:
            assert at_the_edge.ids("alert.raised") == [f"e-{number}" for number in range(21, 81)]
        for forgotten in (0, 19):
            async with push.reader(world.doctor(), f"{epoch}.{forgotten}") as before:
                assert before.frames[0] == {"resync": True, "cursor": f"{epoch}.80"}


async def test_a_feed_that_was_away_while_batches_were_forgotten_lets_everybody_begin_again(
    world: World, database: Database
) -> None:
    async with pushing(world, database) as push, push.reader(world.doctor()) as reader:
        await push.write([event(1)])
        await reader.until("e-1")
        async with world.owner.transaction():
            await written(world.owner, 3)
            await number_batches(world.owner)
            await forget(push, 3)
        async with patiently():
            while not reader.frames[-1].get("resync"):
                await reader.frame()
        await push.write([event(2)])
        await reader.until("e-2")
        assert reader.ids() == ["e-1", "e-2"]
