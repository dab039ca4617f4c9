"""The first of several reports that a visit needs is an event, so that boards can count it as it comes."""

import json

from tests.integration.stream_workers.world import World


async def events(world: World) -> list[tuple[str, str]]:
    """(type, reportId) of everything in the outbox, in order."""
    rows = await world.owner.fetch("select events from outbox order by outbox_id")
    return [(event["type"], event["data"]["reportId"]) for row in rows for event in json.loads(row["events"])]


async def test_a_visit_of_two_instruments_begins_once_and_completes_once(world: World) -> None:
    reports = [
        world.report(1, visitId="V-both", instrument=name) for name in ("mood", "mood", "diary", "diary")
    ]
    for report in reports:
        await world.send(world.record(report))
        await world.apply()
    ids = [json.loads(report)["reportId"] for report in reports]
    assert await events(world) == [("visit.begun", ids[0]), ("visit.completed", ids[2])]
    [begun] = json.loads(await world.owner.fetchval("select events from outbox order by outbox_id limit 1"))
    slot = await world.owner.fetchval("select slot_id from slots where visit_code = 'both'")
    assert (begun["data"]["visitId"], begun["data"]["slotId"]) == ("V-both", slot)


async def test_a_visit_of_one_instrument_only_completes(world: World) -> None:
    await world.send_reports(1)
    await world.apply()
    assert [kind for kind, _ in await events(world)] == ["visit.completed"]
