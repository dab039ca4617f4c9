"""What the read API shows of patients, reports and sites, and to whom."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.projections.conftest import NOW, World

VISITS = "/api/v1/trial/patients/{}/visits"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def test_visits_are_shown_in_the_contracts_words(world: World) -> None:
    done = await world.add_slot(NOW - HOUR)
    late = await world.add_slot(NOW - 4 * HOUR - MINUTE, code="late")
    gone = await world.add_slot(NOW - 30 * HOUR, code="gone")
    coming = await world.add_slot(NOW + HOUR, code="coming")
    await world.add_visit("P-1", "V-1", done, {"d": (NOW - 30 * MINUTE, NOW)})
    await world.add_visit("P-1", "V-2", late, {"d": (NOW - 30 * MINUTE, NOW)})
    await world.add_visit("P-1", "V-3", gone)
    await world.add_visit("P-1", "V-4", coming)
    answer = await world.client.get(VISITS.format("P-1"), headers=world.patient("P-1"))
    assert answer.status_code == 200
    body = answer.json()
    assert body["patientId"] == "P-1"
    shown = {visit["visitId"]: visit for visit in body["visits"]}
    assert {key: (visit["status"], visit["statusCode"]) for key, visit in shown.items()} == {
        "V-1": ("已完成", "completed"),
        "V-2": ("已完成", "completed"),
        "V-3": ("已逾期", "missed"),
        "V-4": ("待进行", "upcoming"),
    }
    assert (shown["V-1"]["timeliness"], shown["V-2"]["timeliness"]) == ("on_time", "late")
    assert shown["V-1"]["visitName"] == "基线期"
    assert shown["V-1"]["visitDate"] == "2026-11-22"
    assert shown["V-1"]["completedAt"] == "2026-11-22T00:30:00Z"
    assert shown["V-1"]["receivedAt"] == "2026-11-22T01:00:00Z"
    assert shown["V-1"]["timeZone"] == "Asia/Shanghai"
    assert shown["V-3"]["completedAt"] is None


async def test_a_visit_waits_for_every_required_form(world: World) -> None:
    slot = await world.add_slot(NOW - HOUR, required=("d", "q"))
    await world.add_visit("P-1", "V-1", slot, {"d": (NOW - 30 * MINUTE, NOW)})
    [visit] = (await world.client.get(VISITS.format("P-1"), headers=world.patient("P-1"))).json()["visits"]
    assert (visit["statusCode"], visit["status"]) == ("partial", "待进行")
    assert "1/2" in visit["explanation"]


async def test_names_and_explanations_follow_the_readers_language(world: World) -> None:
    await world.add_visit("P-1", "V-1", await world.add_slot(NOW - HOUR))
    headers = world.patient("P-1") | {"Accept-Language": "fr, en-GB;q=0.8, zh;q=0.5"}
    [visit] = (await world.client.get(VISITS.format("P-1"), headers=headers)).json()["visits"]
    assert visit["visitName"] == "Baseline"
    assert visit["explanation"] == "Please fill in before 2026-11-22 11:00."


async def test_cancelled_visits_are_listed_only_where_asked_for(world: World) -> None:
    slot = await world.add_slot(NOW + HOUR)
    await world.add_visit("P-1", "V-1", slot, cancelled_at=NOW - MINUTE)
    headers = world.patient("P-1")
    assert (await world.client.get(VISITS.format("P-1"), headers=headers)).json()["visits"] == []
    asked = await world.client.get(VISITS.format("P-1") + "?include=cancelled", headers=headers)
    assert [visit["statusCode"] for visit in asked.json()["visits"]] == ["cancelled"]


async def codes(world: World, *minutes_ago: int) -> list[str]:
    """The status of P-1's visit as of these instants."""
    found = []
    for minutes in minutes_ago:
        as_of = (NOW - minutes * MINUTE).isoformat()
        url = VISITS.format("P-1")
        answer = await world.client.get(url, headers=world.patient("P-1"), params={"asOf": as_of})
        assert answer.json()["asOf"] == as_of.replace("+00:00", "Z")
        found.append(str(answer.json()["visits"][0]["statusCode"]))
    return found


async def test_a_past_instant_shows_what_had_been_committed_by_then(world: World) -> None:
    slot = await world.add_slot(NOW - 3 * HOUR)
    forms = {"d": (NOW - 2 * HOUR, NOW - 2 * HOUR)}
    await world.add_visit("P-1", "V-1", slot, forms, sealed_at=NOW - 30 * MINUTE)
    assert await codes(world, 200, 150, 60, 31, 30, 5) == [
        "upcoming", "open", "open", "open", "completed", "completed",
    ]  # fmt: skip


async def test_before_commits_were_timed_a_past_instant_goes_by_the_receipt(
    world: World,
) -> None:
    slot = await world.add_slot(NOW - 3 * HOUR, required=("d", "q"))
    forms = {"d": (NOW - 2 * HOUR, NOW - 2 * HOUR), "q": (NOW - 110 * MINUTE, NOW - 10 * MINUTE)}
    await world.add_visit("P-1", "V-1", slot, forms)
    assert await codes(world, 200, 150, 30, 5) == ["upcoming", "open", "partial", "completed"]


@pytest.mark.parametrize("as_of", ["2026-11-23T00:00:00Z", "2026-11-22T00:00:00", "yesterday"])
async def test_an_instant_to_come_or_without_an_offset_is_refused(world: World, as_of: str) -> None:
    answer = await world.client.get(
        VISITS.format("P-1"), headers=world.patient("P-1"), params={"asOf": as_of}
    )
    assert answer.status_code == 422
    assert as_of not in answer.text


async def test_a_patient_out_of_scope_looks_the_same_as_one_who_does_not_exist(world: World) -> None:
    for headers in (world.patient("P-1"), world.doctor()):
        for path in (
            VISITS.format("P-2"),
            VISITS.format("P-9"),
            VISITS.format("P%00"),
            VISITS.format("x" * 99),
        ):
            answer = await world.client.get(path, headers=headers)
            assert answer.status_code == 404
            nobody = await world.client.get(VISITS.format("P-404"), headers=headers)
            assert answer.content == nobody.content
            assert answer.headers == nobody.headers


async def test_staff_see_only_sites_that_are_in_the_token_and_still_theirs(world: World) -> None:
    both = ("S-01", "S-02")
    assert (await world.client.get(VISITS.format("P-2"), headers=world.doctor(sites=both))).status_code == 404
    coordinator = world.doctor("coord.all", both)
    assert (await world.client.get(VISITS.format("P-2"), headers=coordinator)).status_code == 200
    narrow = world.doctor("coord.all", ("S-01",))
    assert (await world.client.get(VISITS.format("P-2"), headers=narrow)).status_code == 404
    await world.owner.execute("delete from user_sites where user_id = 'coord.all' and site_id = 'S-02'")
    assert (await world.client.get(VISITS.format("P-2"), headers=coordinator)).status_code == 404


async def test_an_admin_sees_no_trial_data_and_a_patient_no_staff_routes(world: World) -> None:
    for path in (VISITS.format("P-1"), f"/api/v1/receipts/{uuid4()}", "/api/v1/board", "/api/v1/sites"):
        assert (await world.client.get(path, headers=world.admin())).status_code == 403
    for path in ("/api/v1/board", "/api/v1/sites"):
        assert (await world.client.get(path, headers=world.patient("P-1"))).status_code == 403


async def test_a_receipt_tells_what_became_of_a_report(world: World) -> None:
    projected, quarantined, old, new = (uuid4() for _ in range(4))
    await world.add_report("P-1", projected)
    await world.add_report("P-1", quarantined, "quarantined", "unknown_instrument")
    await world.add_report("P-1", old)
    await world.add_report("P-1", new, amends=old)

    async def state(report_id: object) -> dict[str, object]:
        path = f"/api/v1/receipts/{str(report_id).upper()}"
        answer = await world.client.get(path, headers=world.patient("P-1"))
        assert answer.status_code == 200
        return {key: answer.json()[key] for key in ("state", "reason", "by")}

    assert await state(projected) == {"state": "projected", "reason": None, "by": None}
    assert await state(quarantined) == {"state": "quarantined", "reason": "unknown_instrument", "by": None}
    assert await state(old) == {"state": "superseded", "reason": None, "by": str(new)}
    assert (await state(new))["state"] == "projected"


async def test_a_repeat_answers_as_the_report_and_a_conflict_as_the_quarantine_it_is(world: World) -> None:
    report = uuid4()
    await world.add_report("P-1", report)
    repeat = await world.add_report("P-1", report, "duplicate", owns=False)
    conflict = await world.add_report("P-1", report, "quarantined", "conflict", owns=False)
    path, headers = f"/api/v1/receipts/{report}", world.patient("P-1")

    async def at(offset: int) -> object:
        params = {"partition": 3, "offset": offset}
        return (await world.client.get(path, headers=headers, params=params)).json()["state"]

    assert await at(repeat) == "projected"
    assert await at(conflict) == "quarantined"


async def test_a_report_not_looked_at_yet_is_accepted_by_its_receipts_place_only(world: World) -> None:
    await world.add_report("P-1", uuid4())
    path, headers = f"/api/v1/receipts/{uuid4()}", world.patient("P-1")

    async def status(query: str) -> tuple[int, object]:
        answer = await world.client.get(path + query, headers=headers)
        return answer.status_code, answer.json().get("state")

    assert await status("") == (404, None)
    assert await status("?partition=3&offset=0") == (404, None)
    assert await status("?partition=3&offset=1") == (200, "accepted")
    assert await status("?partition=4&offset=1") == (200, "accepted")  # no worker has met that partition yet
    assert await status("?partition=3&offset=-1") == (422, None)
    assert await status("?partition=3&offset=99999999999999999999") == (422, None)


async def test_somebody_elses_receipt_looks_the_same_as_one_that_does_not_exist(world: World) -> None:
    foreign = uuid4()
    place = {"partition": 3, "offset": await world.add_report("P-2", foreign)}
    for headers in (world.patient("P-1"), world.doctor()):
        for params in (None, place):
            theirs = await world.client.get(f"/api/v1/receipts/{foreign}", headers=headers, params=params)
            nobodys = await world.client.get(f"/api/v1/receipts/{uuid4()}", headers=headers, params=params)
            garbage = await world.client.get("/api/v1/receipts/x", headers=headers, params=params)
            assert {theirs.status_code, nobodys.status_code, garbage.status_code} == {404}
            assert theirs.content == nobodys.content == garbage.content


async def test_two_patients_with_one_report_id_each_see_their_own(world: World) -> None:
    report = uuid4()
    await world.add_report("P-1", report)
    await world.add_report("P-2", report, "quarantined", "unknown_instrument")
    path = f"/api/v1/receipts/{report}"
    assert (await world.client.get(path, headers=world.patient("P-1"))).json()["state"] == "projected"
    assert (await world.client.get(path, headers=world.patient("P-2"))).json()["state"] == "quarantined"
    both = world.doctor("coord.all", ("S-01", "S-02"))
    theirs = await world.client.get(path, headers=both, params={"patientId": "P-2"})
    assert theirs.json()["state"] == "quarantined"


async def count(world: World, site: str, slot: int, shard: int, **counts: int) -> None:
    names, values = ", ".join(counts), ", ".join(str(value) for value in counts.values())
    await world.owner.execute(
        f"insert into slot_counts (site_id, slot_id, shard, {names})"  # noqa: S608 - names of this file
        f" values ('{site}', {slot}, {shard}, {values})"
    )


async def test_the_board_sums_every_shard_and_says_what_is_left(world: World) -> None:
    open_now = await world.add_slot(NOW - HOUR)
    overdue = await world.add_slot(NOW - 3 * HOUR - MINUTE, code="overdue")
    await count(world, "S-01", open_now, -1, expected=10)
    await count(world, "S-01", open_now, 0, on_time=3, partial=1)
    await count(world, "S-01", open_now, 7, on_time=1, late=1)
    await count(world, "S-02", open_now, -1, expected=99)
    await count(world, "S-01", overdue, -1, expected=2)
    answer = await world.client.get("/api/v1/board", headers=world.doctor())
    first, second = answer.json()["windows"]
    names = ("siteId", "expected", "completed", "late", "partial", "upcoming", "open", "overdue", "missed")
    assert [first[name] for name in names] == ["S-01", 2, 0, 0, 0, 0, 0, 2, 0]
    assert [second[name] for name in names] == ["S-01", 10, 5, 1, 1, 0, 5, 0, 0]


async def test_the_boards_filters_narrow_and_never_widen(world: World) -> None:
    today, yesterday = await world.add_slot(NOW - HOUR), await world.add_slot(NOW - 40 * HOUR)
    for site in ("S-01", "S-02"):
        for slot in (today, yesterday):
            await count(world, site, slot, -1, expected=1)

    async def shown(headers: dict[str, str], query: str) -> list[tuple[str, int]]:
        windows = (await world.client.get("/api/v1/board" + query, headers=headers)).json()["windows"]
        return [(window["siteId"], window["slotId"]) for window in windows]

    everything = world.doctor("coord.all", ("S-01", "S-02"))
    assert await shown(everything, "") == [("S-01", today), ("S-02", today)]
    assert await shown(everything, "?siteId=S-02") == [("S-02", today)]
    assert await shown(everything, "?date=2026-11-20&siteId=S-01") == [("S-01", yesterday)]
    assert await shown(world.doctor(), "?siteId=S-02") == []
    assert await shown(world.doctor(), "?siteId=S-02&siteId=S-01") == [("S-01", today)]
    assert await shown(world.doctor(sites=()), "") == []


async def test_freshness_is_the_slowest_partitions_and_shows_a_worker_that_stands_still(world: World) -> None:
    async def fresh() -> tuple[object, object]:
        body = (await world.client.get("/api/v1/sites", headers=world.doctor())).json()
        return body["asOf"], body["lag"]

    assert await fresh() == (None, None)
    batch = "insert into outbox (written_at, events, seals) values ($1, '[]', $2)"
    await world.owner.execute(batch, NOW - MINUTE, '[{"partition": 3}]')
    assert await fresh() == ("2026-11-22T00:59:00Z", 60.0)
    await world.owner.execute(batch, NOW, "[]")
    assert await fresh() == ("2026-11-22T00:59:00Z", 60.0), "what people do says nothing of reports"
    await world.owner.execute("insert into offsets values (1, 4, 0, 0, '\\x00', $1)", NOW)
    await world.owner.execute(
        "update offsets set seen_until = $1 where kafka_partition = 3", NOW - 2 * MINUTE
    )
    assert await fresh() == ("2026-11-22T00:58:00Z", 120.0)
    world.clock.advance(seconds=30)
    assert await fresh() == ("2026-11-22T00:58:00Z", 150.0)


async def test_the_sites_of_the_caller_are_listed(world: World) -> None:
    [site] = (await world.client.get("/api/v1/sites", headers=world.doctor())).json()["sites"]
    assert site["siteId"] == "S-01"
    assert site["purpose"] == "training"
