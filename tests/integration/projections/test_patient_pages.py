"""Patients' list, card and reports: what staff see, and what they must not."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from projections.read_api.identity import PERMISSIONS
from tests.integration.projections.conftest import NOW, World

HOUR = timedelta(hours=1)
ANSWERS = {"pain": 3, "note": '=HYPERLINK("http://evil")'}


async def add_received(world: World, patient_id: str, value: bytes, **columns: object) -> UUID:
    """A ledger row with bytes, its identity owned."""
    report = uuid4()
    offset = await world.add_report(patient_id, report)
    await world.owner.execute("alter table ledger disable trigger append_only")
    names = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 3))
    await world.owner.execute(
        f"update ledger set value = $2{', ' if names else ''}{names} where kafka_offset = $1",  # noqa: S608
        offset, value, *columns.values(),
    )  # fmt: skip
    await world.owner.execute("alter table ledger enable trigger append_only")
    return report


async def listed(world: World, headers: dict[str, str], query: str = "") -> list[str]:
    answer = await world.client.get("/api/v1/patients" + query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [row["patientId"] for row in answer.json()["patients"]]


async def test_a_patients_row_counts_what_was_expected_until_now(world: World) -> None:
    window = {
        "done": await world.add_slot(NOW - HOUR, code="done"),
        "late": await world.add_slot(NOW - 4 * HOUR - timedelta(minutes=1), code="late"),
        "open": await world.add_slot(NOW - HOUR, code="open"),
        "overdue": await world.add_slot(NOW - 3 * HOUR - timedelta(minutes=1), code="overdue"),
        "missed": await world.add_slot(NOW - 30 * HOUR, code="missed"),
        "coming": await world.add_slot(NOW + HOUR, code="coming"),
        "gone": await world.add_slot(NOW - 30 * HOUR, code="gone"),
    }
    for name, slot in window.items():
        await world.add_visit("P-1", f"V-{name}", slot, cancelled_at=NOW - HOUR if name == "gone" else None)
    for name, timeliness in (("done", "on_time"), ("late", "late")):
        await world.owner.execute(
            "update visits set completed_at = $2, timeliness = $3 where visit_id = $1",
            f"V-{name}", NOW, timeliness,
        )  # fmt: skip
    await world.add_report("P-1", uuid4())
    answer = await world.client.get("/api/v1/patients", headers=world.doctor())
    [row] = answer.json()["patients"]
    assert row == {
        "patientId": "P-1", "siteId": "S-01", "siteName": "S-01", "timeZone": "Asia/Shanghai",
        "startDate": "2026-11-21", "expected": 5, "completed": 2, "late": 1, "open": 1, "overdue": 1,
        "missed": 1, "lastReceivedAt": "2026-11-22T01:00:00Z", "openAlerts": 0,
    }  # fmt: skip
    assert answer.json()["nextCursor"] is None
    assert "asOf" in answer.json()


async def test_patients_are_filtered_by_status_search_and_site_and_never_beyond_scope(world: World) -> None:
    for number in (3, 4):
        await world.add_patient(f"P-{number}")
    overdue = await world.add_slot(NOW - 3 * HOUR - timedelta(minutes=1), code="overdue")
    missed = await world.add_slot(NOW - 30 * HOUR, code="missed")
    await world.add_visit("P-1", "V-1", overdue)
    await world.add_visit("P-2", "V-1", overdue)
    await world.add_visit("P-3", "V-1", missed)
    mine, both = world.doctor(), world.doctor("coord.all", ("S-01", "S-02"))
    assert await listed(world, mine) == ["P-1", "P-3", "P-4"]
    assert await listed(world, mine, "?status=overdue") == ["P-1"]
    assert await listed(world, both, "?status=overdue") == ["P-1", "P-2"]
    assert await listed(world, mine, "?status=missed") == ["P-3"]
    assert await listed(world, mine, "?status=on_track") == ["P-4"]
    assert await listed(world, mine, "?status=alert") == []
    assert await listed(world, both, "?query=p-2") == ["P-2"]
    assert await listed(world, mine, "?query=P-2") == []
    assert await listed(world, mine, "?query=%25") == []
    assert await listed(world, both, "?siteId=S-02") == ["P-2"]
    assert await listed(world, mine, "?siteId=S-02") == []
    assert await listed(world, mine, "?siteId=S-02&siteId=%00") == []
    assert await listed(world, world.doctor(sites=("S-02",))) == []  # the token claims what was not granted


async def test_open_alerts_are_counted_until_somebody_acknowledges_them(world: World) -> None:
    for number, patient in enumerate(("P-1", "P-1", "P-2")):
        await world.owner.execute(
            "insert into alerts (alert_id, study_id, site_id, patient_id, report_id, instrument,"
            " instrument_version, rule_id, item, level, marks, recorded_at, received_at, raised_at,"
            " stream_id, kafka_partition, kafka_offset)"
            " select $1, study_id, site_id, patient_id, $1, 'd', '1', 'r', 'pain', 'urgent', '{}', $3, $3,"
            " $3, 1, 3, $4 from patients where patient_id = $2",
            uuid4(), patient, NOW, number,
        )  # fmt: skip
    assert await listed(world, world.doctor(), "?status=alert") == ["P-1"]
    assert await listed(world, world.doctor(), "?status=on_track") == []
    [row] = (await world.client.get("/api/v1/patients", headers=world.doctor())).json()["patients"]
    assert row["openAlerts"] == 2
    await world.owner.execute("update alerts set acknowledged_at = $1, acknowledged_by = 'x'", NOW)
    assert await listed(world, world.doctor(), "?status=alert") == []


async def test_names_are_searched_and_shown_only_to_those_who_may_know_them(world: World) -> None:
    await world.owner.execute("insert into patient_identities values ('P-1', '王小明', '138')")
    known, hidden = world.doctor(), world.doctor(permissions=("patients.read", "answers.read"))
    assert await listed(world, known, "?query=小明") == ["P-1"]
    assert await listed(world, hidden, "?query=小明") == []
    card = (await world.client.get("/api/v1/patients/P-1", headers=known)).json()
    assert (card["name"], card["contact"], card["identityHidden"]) == ("王小明", "138", False)
    assert (card["purpose"], card["startDate"], card["siteId"]) == ("training", "2026-11-21", "S-01")
    answer = await world.client.get("/api/v1/patients/P-1", headers=hidden)
    assert (answer.json()["name"], answer.json()["identityHidden"]) == (None, True)
    assert "王小明" not in answer.text


async def test_a_permission_has_to_be_in_the_token_and_in_the_database(world: World) -> None:
    paths = {
        "/api/v1/patients": "patients.read",
        "/api/v1/patients/P-1": "patients.read",
        "/api/v1/patients/P-1/reports": "patients.read",
        "/api/v1/trial/patients/P-1/visits": "patients.read",
        "/api/v1/instruments/EB-TEST/d/1": "patients.read",
        "/api/v1/board": "board.read",
        "/api/v1/compliance": "board.read",
        "/api/v1/compliance.csv": "board.read",
        "/api/v1/quarantine": "quarantine.read",
    }
    for path, permission in paths.items():
        rest = tuple(other for other in PERMISSIONS if other != permission)
        without = await world.client.get(path, headers=world.doctor(permissions=rest))
        assert (without.status_code, without.json()["title"]) == (403, "Forbidden"), path
        assert (await world.client.get(path, headers=world.doctor())).status_code in (200, 404), path
        assert (await world.client.get(path, headers=world.admin())).status_code == 403, path
        if path != "/api/v1/trial/patients/P-1/visits":
            assert (await world.client.get(path, headers=world.patient("P-1"))).status_code == 403, path
        assert (await world.client.get(path)).status_code == 401, path
    await world.owner.execute("update users set permissions = '{}'")
    for path in paths:
        assert (await world.client.get(path, headers=world.doctor())).status_code == 403, path


async def test_a_foreign_patient_looks_the_same_as_one_that_does_not_exist(world: World) -> None:
    headers = world.doctor()
    for path in ("/api/v1/patients/{}", "/api/v1/patients/{}/reports"):
        answers = [
            await world.client.get(path.format(patient), headers=headers)
            for patient in ("P-2", "P-999", "x" * 500, "%00", "'; drop table patients")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    foreign = await world.client.get("/api/v1/instruments/EB-TEST/nothing/1", headers=headers)
    assert foreign.status_code == 404


async def test_pages_follow_each_other_and_a_cursor_is_good_for_its_own_list_only(world: World) -> None:
    for number in range(10, 17):
        await world.add_patient(f"P-{number}")
    headers = world.doctor()
    seen: list[str] = []
    last: str | None = None
    cursor: str | None = None
    for _ in range(10):
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        body = (await world.client.get("/api/v1/patients", headers=headers, params=params)).json()
        seen += [row["patientId"] for row in body["patients"]]
        last, cursor = cursor, body["nextCursor"]
        if cursor is None:
            break
    assert seen == ["P-1", *(f"P-{number}" for number in range(10, 17))]
    assert last is not None
    tampered = ("x", "AAAA", last[:-4], ("B" if last[0] == "A" else "A") + last[1:], last + "AAAA", "é", "{}")
    for wrong in (*tampered, "%00", "a" * 513):
        answer = await world.client.get("/api/v1/patients", headers=headers, params={"cursor": wrong})
        assert answer.status_code == 422, wrong
        assert answer.headers["Content-Type"] == "application/problem+json"
    for path in ("/api/v1/quarantine", "/api/v1/patients/P-1/reports"):
        answer = await world.client.get(path, headers=headers, params={"cursor": last})
        assert answer.status_code == 422
    for limit in ("0", "201", "x"):
        answer = await world.client.get("/api/v1/patients", headers=headers, params={"limit": limit})
        assert answer.status_code == 422


async def test_reports_show_what_became_of_them_and_answers_to_those_allowed(world: World) -> None:
    value = json.dumps({"answers": ANSWERS, "respondent": "caregiver", "patientId": "P-1"}).encode()
    first = await add_received(
        world, "P-1", value, instrument="d", instrument_version="1", placement="completes", visit_id="V-1",
        flags=json.dumps({"items": {"pain": ["high"]}}), role="patient", recorded_at=NOW, sent_at=NOW,
    )  # fmt: skip
    amendment = await add_received(world, "P-1", b"\xff not JSON", amends=first)
    await world.owner.execute("insert into amendments values ('P-1', $1, $2)", first, amendment)
    await world.add_report("P-1", first, "duplicate", owns=False)
    await world.add_report("P-1", uuid4(), "quarantined", "unknown_instrument")
    await add_received(world, "P-2", value)
    path = "/api/v1/patients/P-1/reports"
    newest, second, oldest = (await world.client.get(path, headers=world.doctor())).json()["reports"]
    assert (newest["disposition"], newest["reason"]) == ("quarantined", "unknown_instrument")
    assert (second["answers"], second["amends"]) == (None, str(first))
    assert oldest["supersededBy"] == str(amendment)
    assert oldest["answers"] == ANSWERS
    assert (oldest["respondent"], oldest["role"], oldest["placement"]) == (
        "caregiver",
        "patient",
        "completes",
    )
    assert oldest["flags"] == {"items": {"pain": ["high"]}}
    hidden = await world.client.get(path, headers=world.doctor(permissions=("patients.read",)))
    assert all("answers" not in row for row in hidden.json()["reports"])
    assert "HYPERLINK" not in hidden.text
    page = (await world.client.get(path + "?limit=2", headers=world.doctor())).json()
    rest = await world.client.get(path, headers=world.doctor(), params={"cursor": page["nextCursor"]})
    assert [row["reportId"] for row in rest.json()["reports"]] == [str(first)]


@pytest.mark.parametrize("site", ["S-01", "S-02"])
async def test_an_instrument_is_shown_to_those_with_a_site_of_its_study(world: World, site: str) -> None:
    definition = {"id": "d", "version": "1", "items": [{"id": "pain", "text": {"en": "Pain"}}]}
    await world.owner.execute("insert into studies values ('OTHER', 'training', '{}', $1)", NOW)
    for study in ("EB-TEST", "OTHER"):
        await world.owner.execute(
            "insert into instruments values ($1, 'd', '1', $2, '\\x00')", study, json.dumps(definition)
        )
    headers = world.doctor("coord.all", (site,))
    answer = await world.client.get("/api/v1/instruments/EB-TEST/d/1", headers=headers)
    assert answer.json() == definition
    assert "max-age" in answer.headers["Cache-Control"]
    foreign = await world.client.get("/api/v1/instruments/OTHER/d/1", headers=headers)
    nothing = await world.client.get("/api/v1/instruments/NONE/d/1", headers=headers)
    assert foreign.status_code == nothing.status_code == 404
    assert foreign.content == nothing.content
