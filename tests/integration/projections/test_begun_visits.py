"""Counters of visits that are only begun move when they begin."""

import pytest

from tests.conftest import Database
from tests.integration.projections.conftest import NOW, World
from tests.integration.projections.sockets import event, pushing


@pytest.mark.parametrize("kind", ["visit.begun", "visit.completed"])
async def test_a_visit_that_begins_or_completes_moves_its_windows_counters(
    world: World, database: Database, kind: str
) -> None:
    slot = await world.add_slot(NOW, required=("d", "e"))
    await world.owner.execute(
        "insert into slot_counts (site_id, slot_id, shard, partial) values ('S-01', $1, 0, 4)", slot
    )
    async with pushing(world, database) as push, push.reader(world.doctor()) as reader:
        await push.write([event(1, kind=kind, slotId=slot)])
        await reader.until("e-1")
        [counters] = reader.events("board.counters")
        assert counters["data"] == {"slotId": slot, "completed": 0, "late": 0, "partial": 4}
