from datetime import timedelta

from tests.integration.projections.conftest import NOW, World

VISITS = "/api/v1/trial/patients/{}/visits"


async def test_a_completed_visit_is_shown_in_the_contracts_words(world: World) -> None:
    slot = await world.add_slot(NOW - timedelta(hours=1))
    await world.add_visit("P-1", "V-1", slot, {"d": (NOW - timedelta(minutes=30), NOW)})
    answer = await world.client.get(VISITS.format("P-1"), headers=world.patient("P-1"))
    assert answer.status_code == 200, answer.text
    [visit] = answer.json()["visits"]
    assert visit["status"] == "已完成"
    assert visit["visitName"] == "基线期"
