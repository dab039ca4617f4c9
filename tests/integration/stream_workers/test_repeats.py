"""Same id, same content: one fact. Same id, other content: both kept, the later quarantined."""

import json

from tests.integration.stream_workers.world import World

ID = "0192f0c1-7b3a-7cc0-8000-0123456789ab"


def respelt(report: bytes) -> bytes:
    """The same report with other white space, key order, escapes and case of its id."""
    content = json.loads(report)
    content["reportId"] = content["reportId"].upper()
    return json.dumps(dict(sorted(content.items(), reverse=True)), indent=2).encode()


async def test_repeats_within_a_batch_and_across_batches_are_duplicates_of_the_first(world: World) -> None:
    report = world.report(1, reportId=ID)
    one, two, spelt = await world.send(
        world.record(report), world.record(report), world.record(respelt(report))
    )
    await world.apply()
    later, spelt_later = await world.send(world.record(report), world.record(respelt(report)))
    await world.apply()

    first, *repeats = await world.rows(one, two, spelt, later, spelt_later)
    assert (first["disposition"], first["placement"]) == ("accepted", "completes")
    for repeat in repeats:
        assert repeat["disposition"] == "duplicate"
        assert (repeat["first_partition"], repeat["first_offset"]) == one
    await world.clean()


async def test_other_content_under_the_same_id_is_a_conflict_within_and_across_batches(world: World) -> None:
    changed = [world.report(1, reportId=ID, answers={"pain": value}) for value in (1, 2, True, 1.5)]
    places = await world.send(*(world.record(report) for report in changed[:3]))
    await world.apply()
    places += await world.send(world.record(changed[3]), world.record(changed[0]))
    await world.apply()

    first, *others, again = await world.rows(*places)
    assert first["disposition"] == "accepted"
    for other, report in zip(others, changed[1:], strict=True):
        assert (other["disposition"], other["reason"], other["value"]) == ("quarantined", "conflict", report)
        assert (other["first_partition"], other["first_offset"]) == places[0]
    assert again["disposition"] == "duplicate"
    await world.clean()


async def test_the_first_arrival_owns_its_identity_even_if_quarantined(world: World) -> None:
    unknown = world.report(1, reportId=ID, instrument="tarot")
    places = await world.send(
        world.record(unknown), world.record(unknown), world.record(world.report(1, reportId=ID))
    )

    await world.apply()

    first, same, other = await world.rows(*places)
    assert first["reason"] == "unknown_instrument"
    assert same["disposition"] == "duplicate"
    assert other["reason"] == "conflict"
    await world.clean()


async def test_two_patients_may_use_the_same_report_id(world: World) -> None:
    places = await world.send_reports(1, 2, 3, reportId=ID)
    await world.apply()
    assert [row["disposition"] for row in await world.rows(*places)] == ["accepted"] * 3
    await world.clean()
