"""A worker that stood still until others had its partitions, and then goes on where it was."""

import signal
from pathlib import Path

from tests.integration.stream_workers.process import HELD, IN_MID_BATCH, Process
from tests.integration.stream_workers.world import World

LET_GO = "create or replace function hold() returns trigger language plpgsql as $$ begin return null; end $$"


async def test_a_worker_stopped_in_mid_batch_past_its_session_doubles_and_loses_nothing(
    world: World, tmp_path: Path
) -> None:
    await world.owner.execute(HELD.replace("0.5", "10"))
    await world.send_reports(*range(1, 100))
    zombie = Process(world, tmp_path)
    process = await zombie.start()
    while not await world.owner.fetch(IN_MID_BATCH):
        await world.pause()
    process.send_signal(signal.SIGSTOP)
    await world.owner.execute(LET_GO)
    async with world.worker() as heir:
        await world.applied()
        assert heir.metric("eightbells_worker_batch_records_sum") > 0
        process.send_signal(signal.SIGCONT)
        await world.send_reports(*range(1, 100), visitId="V-both")
        await world.applied()
    await zombie.ready()
    await world.send_reports(*range(1, 100), visitId="V-late")
    await world.applied()
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert await world.owner.fetchval("select count(*) from ledger") == 3 * 99
    await world.clean()


async def test_an_idle_worker_stopped_past_its_session_goes_on_where_others_have_come(
    world: World, tmp_path: Path
) -> None:
    await world.send_reports(*range(1, 100))
    zombie = Process(world, tmp_path)
    process = await zombie.start()
    await world.applied()
    process.send_signal(signal.SIGSTOP)
    await world.send_reports(*range(1, 100), visitId="V-both")
    await world.apply()
    process.send_signal(signal.SIGCONT)
    await world.send_reports(*range(1, 100), visitId="V-late")
    await world.applied()
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert await world.owner.fetchval("select count(*) from ledger") == 3 * 99
    await world.clean()
