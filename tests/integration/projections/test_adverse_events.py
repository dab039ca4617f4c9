"""Adverse events: reported by a doctor of the site, from an alert once or directly, and kept as reported."""

import asyncio
import json
from collections.abc import Mapping
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.conftest import Database
from tests.integration.projections.conftest import World
from tests.integration.projections.desk import ADVERSE_EVENTS, ALERTS, BOTH, Desk, open_desk

EVENT: dict[str, object] = {
    "patientId": "P-1",
    "term": "Febrile neutropenia",
    "grade": 3,
    "serious": True,
    "onset": "2026-11-21",
    "description": "Admitted for observation.",
}


@pytest.fixture
async def desk(world: World) -> Desk:
    return await open_desk(world)


async def report(desk: Desk, headers: dict[str, str] | None = None, **changes: object) -> httpx.Response:
    return await changed(desk, changes, headers)


async def changed(
    desk: Desk, changes: Mapping[str, object], headers: dict[str, str] | None = None
) -> httpx.Response:
    body = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    return await desk.world.client.post(ADVERSE_EVENTS, headers=headers or desk.world.doctor(), json=body)


async def listed(desk: Desk, headers: dict[str, str] | None = None, **query: str) -> list[str]:
    answer = await desk.world.client.get(ADVERSE_EVENTS, headers=headers or desk.world.doctor(), params=query)
    return [event["adverseEventId"] for event in answer.json()["adverseEvents"]]


async def test_a_doctor_of_the_site_reports_an_adverse_event_directly(desk: Desk) -> None:
    answer = await report(desk)
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in EVENT} == EVENT
    assert (made["siteId"], made["alertId"], made["reportedBy"]) == ("S-01", None, "dr.chen")
    assert made["reportedAt"] == "2026-11-22T01:00:00Z"
    assert await listed(desk) == [made["adverseEventId"]]
    [action] = await desk.actions()
    assert (action["user_id"], action["role"], action["what"]) == (
        "dr.chen",
        "doctor",
        "adverse_event.reported",
    )
    assert json.loads(action["new"])["term"] == EVENT["term"]


async def test_the_event_tells_of_it_without_its_words(desk: Desk) -> None:
    made = (await report(desk)).json()
    [event] = await desk.events()
    assert (event["type"], event["siteId"]) == ("adverse_event.reported", "S-01")
    assert event["data"]["adverseEventId"] == made["adverseEventId"]
    assert (event["data"]["grade"], event["data"]["serious"]) == (3, True)
    assert "neutropenia" not in json.dumps(event)
    assert "observation" not in json.dumps(event)


async def test_one_from_an_alert_is_shown_with_it_and_in_its_history(desk: Desk) -> None:
    alert_id = await desk.assessed()
    made = (await report(desk, alertId=alert_id)).json()
    shown = (await desk.get(f"/{alert_id}")).json()
    assert shown["adverseEventId"] == made["adverseEventId"]
    assert [one["what"] for one in shown["history"]][-1] == "adverse_event.reported"
    assert made["alertId"] == alert_id


async def test_of_two_reports_from_one_alert_the_first_counts(desk: Desk) -> None:
    alert_id = await desk.assessed()
    doctors = ("dr.chen", "dr.mueller") * 3
    answers = await asyncio.gather(
        *(report(desk, desk.world.doctor(name), alertId=alert_id) for name in doctors)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    [first] = [answer.json() for answer in answers if answer.status_code == 201]
    for answer in answers:
        for name in ("adverseEventId", "reportedBy", "reportedAt"):
            assert answer.json()[name] == first[name]
    assert len(await listed(desk)) == 1
    assert [row["what"] for row in await desk.actions()].count("adverse_event.reported") == 1


async def test_patients_and_alerts_out_of_scope_look_as_if_they_did_not_exist(desk: Desk) -> None:
    foreign_alert, own_alert = await desk.alert("P-2"), await desk.alert()
    unknown = await report(desk, patientId="P-404")
    assert unknown.status_code == 404
    for changes in (
        {"patientId": "P-2"},
        {"alertId": foreign_alert},
        {"alertId": str(uuid4())},
        {"alertId": "no-id"},
        {"patientId": "P-2", "alertId": own_alert},
    ):
        answer = await changed(desk, changes)
        assert answer.status_code == 404
        assert answer.content == unknown.content
    everywhere = desk.world.doctor("coord.all", BOTH)
    assert (await report(desk, everywhere, patientId="P-2", alertId=own_alert)).status_code == 404
    assert await desk.actions() == []


async def test_only_those_permitted_report(desk: Desk) -> None:
    coordinator = desk.world.doctor(permissions=("patients.read", "alerts.acknowledge"))
    for headers in (desk.world.patient("P-1"), desk.world.admin(), coordinator):
        assert (await report(desk, headers)).status_code == 403
    await desk.world.owner.execute(
        "update users set permissions = '{patients.read}' where user_id = 'dr.chen'"
    )
    assert (await report(desk)).status_code == 403
    assert (await desk.world.client.post(ADVERSE_EVENTS, json=EVENT)).status_code == 401
    assert (await desk.world.client.get(ADVERSE_EVENTS, headers=desk.world.patient("P-1"))).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"grade": 0},
        {"grade": 6},
        {"grade": "3"},
        {"grade": 3.5},
        {"grade": True},
        {"grade": 5, "serious": False},
        {"serious": 1},
        {"serious": None},
        {"term": ""},
        {"term": "a\0b"},
        {"term": "x" * 257},
        {"onset": "2026-11-23"},
        {"onset": "1899-12-31"},
        {"onset": "2026-02-30"},
        {"onset": "2026-11-21T00:00:00Z"},
        {"onset": "20261121"},
        {"onset": "2026-W47-6"},
        {"onset": 1700000000},
        {"description": "x" * 2001},
        {"patientId": ["P-1"]},
        {"reportedBy": "somebody"},
        {"alertId": 1},
    ],
    ids=str,
)
async def test_a_wrong_report_is_refused_and_changes_nothing(desk: Desk, changes: dict[str, object]) -> None:
    answer = await changed(desk, changes)
    assert answer.status_code == 422, answer.text
    assert "Traceback" not in answer.text
    assert await listed(desk) == []


async def test_the_day_of_onset_is_the_patients(desk: Desk) -> None:
    """At 16:30 UTC on the 22nd it is the 23rd in Shanghai already."""
    desk.world.clock.advance(hours=15, minutes=30)
    assert (await report(desk, onset="2026-11-23")).status_code == 201
    assert (await report(desk, onset="2026-11-24")).status_code == 422


@pytest.mark.parametrize("words", ["=cmd|' /C calc'!A0", "a\r\nb: c", "<img src=x>", "'; --", "退烧"])
async def test_words_are_kept_as_they_were_written(desk: Desk, words: str) -> None:
    made = (await report(desk, term=words, description=words)).json()
    assert (made["term"], made["description"]) == (words, words)


async def test_lists_stay_in_scope_and_come_in_pages(desk: Desk) -> None:
    coordinator = desk.world.doctor("coord.all", BOTH)
    mine = [(await report(desk)).json()["adverseEventId"] for _ in range(3)]
    other = (await report(desk, coordinator, patientId="P-2")).json()["adverseEventId"]
    assert set(await listed(desk)) == set(mine)
    assert await listed(desk, patientId="P-2") == []
    assert await listed(desk, siteId="S-02") == []
    assert await listed(desk, coordinator, siteId="S-02") == [other]
    seen: list[str] = []
    query = {"limit": "2"}
    for _ in range(2):
        page = (await desk.world.client.get(ADVERSE_EVENTS, headers=desk.world.doctor(), params=query)).json()
        seen += [event["adverseEventId"] for event in page["adverseEvents"]]
        query = {"limit": "2", "cursor": page["nextCursor"]}
    assert sorted(seen) == sorted(mine)
    stolen = await desk.world.client.get(ALERTS, headers=desk.world.doctor(), params={"cursor": "AAAA"})
    assert stolen.status_code == 422


async def test_what_was_reported_is_never_changed_or_removed(desk: Desk, database: Database) -> None:
    await report(desk)
    api = await asyncpg.connect(database.role("eightbells_api"))
    for connection in (api, desk.world.owner):
        for statement in (
            "update adverse_events set grade = 1",
            "delete from adverse_events",
            "truncate adverse_events",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    await api.close()
