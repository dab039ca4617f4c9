"""What accepted reports make of visits and counters."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.stream_workers.world import World


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


async def visit(world: World, patient: int, visit_id: str) -> dict[str, Any]:
    row = await world.owner.fetchrow(
        "select * from visits where patient_id = $1 and visit_id = $2", f"P-{patient}", visit_id
    )
    return dict(row)


async def counts(world: World, code: str) -> tuple[int, int, int]:
    row = await world.owner.fetchrow(
        "select sum(partial), sum(on_time), sum(late) from slot_counts join slots using (slot_id) "
        "where visit_code = $1",
        code,
    )
    return tuple(row)


async def test_a_report_completes_its_visit_and_further_ones_are_extra(world: World) -> None:
    first, second = await world.send_reports(1, 1)
    await world.apply()

    one, two = await world.rows(first, second)
    assert [one["placement"], two["placement"]] == ["completes", "extra"]
    done = await visit(world, 1, "V-open")
    assert (done["completed_at"], done["timeliness"]) == (one["recorded_at"], "on_time")
    assert done["received_at"] == one["received_at"]
    assert await counts(world, "open") == (0, 1, 0)
    event = json.loads(await world.owner.fetchval("select events from outbox"))[0]
    assert event["type"] == "visit.completed"
    assert event["data"]["visitId"] == "V-open"
    assert "pain" not in json.dumps(event)
    await world.clean()


async def test_a_visit_of_two_instruments_is_partial_until_the_last_is_in(world: World) -> None:
    early, late = ago(minutes=30), ago(minutes=10)
    await world.send_reports(1, visitId="V-both", instrument="mood", recordedAt=late)
    await world.send_reports(2, visitId="V-both", instrument="mood", recordedAt=late)
    await world.apply()
    assert await counts(world, "both") == (2, 0, 0)
    assert (await visit(world, 1, "V-both"))["completed_at"] is None

    await world.send_reports(1, visitId="V-both", recordedAt=early)
    await world.apply()

    done = await visit(world, 1, "V-both")
    assert done["completed_at"] == datetime.fromisoformat(late)
    assert set(json.loads(done["forms"])) == {"diary", "mood"}
    assert await counts(world, "both") == (1, 1, 0)
    await world.clean()


async def test_both_instruments_in_one_batch_complete_a_visit(world: World) -> None:
    await world.send_reports(1, visitId="V-both")
    [place] = await world.send_reports(1, visitId="V-both", instrument="mood")
    await world.apply()
    assert (await world.row(place))["placement"] == "completes"
    assert await counts(world, "both") == (0, 1, 0)
    await world.clean()


async def test_optional_instruments_and_reports_outside_the_window_complete_nothing(world: World) -> None:
    [optional] = await world.send_reports(1, instrument="notes")
    [outside] = await world.send_reports(2, visitId="V-missed")
    await world.apply()
    assert (await world.row(optional))["placement"] == "optional"
    row = await world.row(outside)
    assert (row["placement"], row["visit_id"]) == ("extra", "V-missed")
    assert json.loads(row["flags"])["placement"] == ["recorded_after_window"]
    assert (await visit(world, 1, "V-open"))["completed_at"] is None
    await world.clean()


async def test_a_report_in_grace_is_late_and_a_late_phone_is_not(world: World) -> None:
    await world.send_reports(1, visitId="V-late", recordedAt=ago(minutes=5))
    await world.send_reports(2, visitId="V-late", recordedAt=ago(minutes=30))
    await world.apply()
    assert (await visit(world, 1, "V-late"))["timeliness"] == "late"
    assert (await visit(world, 2, "V-late"))["timeliness"] == "on_time"
    await world.clean()


async def test_without_a_visit_id_the_open_window_that_closes_first_is_meant(world: World) -> None:
    [place] = await world.send_reports(1, visitId=None)
    [unknown] = await world.send_reports(2, visitId="V-none")
    [unscheduled] = await world.send_reports(3, visitId=None, recordedAt=ago(days=2))
    await world.apply()
    assert (await world.row(place))["visit_id"] == "V-late"
    row = await world.row(unknown)
    assert (row["visit_id"], json.loads(row["flags"])["placement"]) == ("V-late", ["unknown_visit"])
    assert (await world.row(unscheduled))["placement"] == "unscheduled"
    await world.clean()


async def test_a_clock_far_ahead_is_flagged_and_the_brokers_time_counts(world: World) -> None:
    [place] = await world.send_reports(1, recordedAt=ago(hours=-1), timeZone="Europe/Berlin")
    await world.apply()
    row = await world.row(place)
    assert json.loads(row["flags"])["clock"] == ["clock_ahead", "other_time_zone"]
    assert (await visit(world, 1, "V-open"))["completed_at"] == row["received_at"]
    await world.clean()


async def test_odd_answers_are_flagged_and_accepted(world: World) -> None:
    [place] = await world.send_reports(1, answers={"pain": 11, "note": 3, "\u2028\"'": "=1+1"})
    [missing] = await world.send_reports(2, answers={})
    await world.apply()
    row = await world.row(place)
    assert (row["disposition"], row["placement"]) == ("accepted", "completes")
    assert json.loads(row["flags"])["items"] == {
        "pain": "out_of_range",
        "note": "wrong_type",
        "\u2028\"'": "unknown_item",
    }
    assert json.loads((await world.row(missing))["flags"])["items"] == {"pain": "missing"}
    await world.clean()


async def test_an_amendment_goes_to_its_reports_visit_and_changes_nothing_there(world: World) -> None:
    known, unknown = "0192f0c1-7b3a-7cc0-8000-000000000001", "0192f0c1-7b3a-7cc0-8000-00000000dead"
    await world.send_reports(1, reportId=known)
    [in_batch] = await world.send_reports(1, amends=known.upper(), reason="typo", visitId=None)
    await world.apply()
    before = await visit(world, 1, "V-open")
    [later] = await world.send_reports(1, amends=known, reason="typo", answers={"pain": 9})
    [astray] = await world.send_reports(1, amends=unknown, reason="typo")
    await world.apply()

    for place in (in_batch, later):
        row = await world.row(place)
        assert (row["placement"], row["visit_id"]) == ("amendment", "V-open")
    row = await world.row(astray)
    assert (row["visit_id"], json.loads(row["flags"])["placement"]) == (None, ["amends_unknown"])
    assert await visit(world, 1, "V-open") == before
    assert await world.owner.fetchval("select count(*) from amendments") == 3
    await world.clean()


async def test_it_is_kept_when_each_transaction_was_about_to_commit(world: World) -> None:
    instants = []
    for visit_id in ("V-open", "V-late"):
        instants.append(await world.owner.fetchval("select clock_timestamp()"))
        await world.send_reports(1, visitId=visit_id)
        await world.apply()
    instants.append(await world.owner.fetchval("select clock_timestamp()"))
    first, second = [
        row[0] for row in await world.owner.fetch("select sealed_at from seals order by last_offset")
    ]
    assert instants[0] < first < instants[1] < second < instants[2]
