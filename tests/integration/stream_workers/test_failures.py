"""Workers, connections and processes that die at the worst moment: nothing lost, nothing twice."""

import asyncio
import contextlib
import signal
import stat
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from projections import store
from tests.integration.stream_workers.process import HELD, IN_MID_BATCH, Process
from tests.integration.stream_workers.world import World

KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = 'eightbells_worker'
"""
KILL_IN_TRANSACTION = f"{KILL} and state <> 'idle'"


async def test_connections_killed_within_transactions_lose_and_double_nothing(world: World) -> None:
    await world.owner.execute(HELD)
    await world.send_reports(*range(1, 100))
    killed = 0
    async with world.worker(max_batch_records=20) as worker:
        while killed < 4:
            killed += len(await world.owner.fetch(KILL_IN_TRANSACTION))
            await world.pause(0.25)
        await world.applied()
        [retries] = worker.metrics.retries.collect()
        assert sum(one.value for one in retries.samples if one.name.endswith("_total")) >= 4
    await world.clean()


async def test_a_commit_whose_answer_is_lost_is_not_applied_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, lost = store.apply_batch, asyncio.Event()

    async def apply_and_lose_the_answer(
        connection: asyncpg.Connection,
        chain: store.Chain,
        entries: Sequence[store.Entry],
        slots: dict[int, store.Slot],
        now: datetime,
    ) -> store.Applied:
        result = await apply(connection, chain, entries, slots, now)
        if not lost.is_set():
            lost.set()
            connection.terminate()
            raise ConnectionResetError
        return result

    monkeypatch.setattr(store, "apply_batch", apply_and_lose_the_answer)
    await world.send_reports(*range(1, 20))
    async with world.worker() as worker:
        await world.applied()
        await world.send_reports(*range(1, 20), visitId="V-both")
        await world.applied()
        assert worker.metric("eightbells_worker_superseded_total") == 1
    await world.clean()


async def test_a_worker_frozen_in_a_copy_holds_its_partitions_for_some_seconds_only(
    world: World,
) -> None:
    """Postgres holds a session that is in a COPY to none of its own limits while it waits for the client."""
    await world.send_reports(*range(1, 100))
    await world.apply()
    frozen = await store.connect(world.worker_url)

    async def nothing_more() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def copy() -> None:
        async with frozen.transaction():
            await frozen.execute("select from offsets for update")
            await frozen.copy_to_table("ledger", source=nothing_more(), timeout=3600)

    copying = asyncio.create_task(copy())
    await world.send_reports(*range(1, 100), visitId="V-both")
    async with world.worker() as heir:
        await world.applied()
        [retries] = heir.metrics.retries.collect()
        assert {one.labels["cause"] for one in retries.samples} == {"55P03"}
    copying.cancel()
    with contextlib.suppress(asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await copying
    frozen.terminate()
    await world.clean()


async def test_a_worker_that_does_not_know_it_was_replaced_applies_nothing(world: World) -> None:
    """Two groups read the same topic into the same ledger: the compare-and-set lets one of them through."""
    await world.send_reports(*range(1, 200))
    other = f"{world.group}-other"
    async with world.worker(max_batch_records=7), world.worker(group_id=other, max_batch_records=11):
        await world.applied()
        await world.send_reports(*range(1, 200), visitId="V-both")
        await world.applied()
    await world.clean()


async def test_two_workers_share_partitions_under_load_and_hand_them_over(world: World) -> None:
    async def load() -> None:
        for round_ in range(6):
            await world.send_reports(*range(1, 100), sequence=round_ + 1)
            await world.pause(0.3)

    async with world.worker(max_batch_records=50):
        loading = asyncio.create_task(load())
        await world.pause(0.5)
        async with world.worker(max_batch_records=50) as second:
            await loading
            await world.applied()
            while not second.metric("eightbells_worker_batch_records_count"):
                await world.send_reports(*range(1, 100))
                await world.pause(0.3)
        await world.send_reports(*range(1, 100))
        await world.applied()
    await world.clean()


async def test_a_database_that_is_away_is_waited_for(world: World) -> None:
    name = world.owner_url.rpartition("/")[2]
    async with world.worker() as worker:
        await world.send_reports(1)
        await world.applied()
        admin = await asyncpg.connect(world.owner_url.rpartition("/")[0] + "/postgres")
        try:
            await admin.execute(f"alter database {name} allow_connections false")
            await world.owner.fetch(KILL)
            await world.send_reports(2)
            while "Postgres" not in (worker.health.readiness() or ""):
                await world.pause()
        finally:
            await admin.execute(f"alter database {name} allow_connections true")
            await admin.close()
        await world.applied()
        assert worker.health.readiness() is None
    await world.clean()


async def test_a_process_killed_in_mid_batch_is_replaced_without_loss(world: World, tmp_path: Path) -> None:
    await world.owner.execute(HELD)
    await world.send_reports(*range(1, 100))
    for _ in range(2):
        process = await Process(world, tmp_path).start()
        while not await world.owner.fetch(IN_MID_BATCH):
            await world.pause()
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    await world.apply()
    await world.clean()


async def test_sigterm_finishes_the_batch_and_leaves_with_exit_code_0(world: World, tmp_path: Path) -> None:
    await world.owner.execute(HELD)
    worker = Process(world, tmp_path)
    process = await worker.start()
    await worker.ready()
    await world.send_reports(*range(1, 100))
    while not await world.owner.fetch(IN_MID_BATCH):
        await world.pause()
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()

    assert process.returncode == 0, errors.decode()
    assert await world.owner.fetchval("select count(*) from ledger") > 0
    await world.apply()
    await world.clean()


async def test_an_unsafe_topic_or_key_is_refused_with_exit_code_2(world: World, tmp_path: Path) -> None:
    process = await Process(world, tmp_path, EIGHTBELLS_PARTITIONS="6").start()
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "partitions" in errors.decode().splitlines()[-1]

    weak = tmp_path / "weak.json"
    weak.write_text('{"current":"k1","keys":{"k1":"c2VjcmV0"}}')
    weak.chmod(stat.S_IRUSR)
    process = await Process(world, tmp_path, EIGHTBELLS_SEAL_KEY_FILE=str(weak)).start()
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "shorter" in errors.decode()
