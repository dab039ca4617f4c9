"""Alerts as staff see them: in scope, in their language, without the answer for those who may not read it."""

import json
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from ingest_gateway.contracts.topics import TopicSpec
from tests.conftest import Database, Services
from tests.integration.projections.alerting import Ward
from tests.integration.projections.conftest import NOW, World
from tests.integration.projections.desk import ALERTS, BOTH, Desk, Param, open_desk


@pytest.fixture
async def desk(world: World) -> Desk:
    return await open_desk(world)


async def test_alerts_are_shown_newest_first_with_what_staff_need_to_judge_them(desk: Desk) -> None:
    first = await desk.alert()
    second = await desk.alert(
        rule="fever", raised_at=NOW.replace(minute=1), received_at=NOW.replace(minute=2)
    )
    body = (await desk.get()).json()
    assert [alert["alertId"] for alert in body["alerts"]] == [second, first]
    assert body["counts"] == {"critical": 0, "urgent": 1, "routine": 1}
    assert body["nextCursor"] is None
    shown = body["alerts"][0]
    assert (shown["recordedAt"], shown["receivedAt"]) == ("2026-11-22T01:00:00Z", "2026-11-22T01:02:00Z")
    assert (shown["delaySeconds"], shown["state"], shown["marks"]) == (120, "open", ["late"])
    assert "answer" not in shown
    assert "41.7" not in json.dumps(body)


async def test_an_alerts_text_is_the_rules_or_made_from_it_in_the_readers_language(desk: Desk) -> None:
    await desk.alert()
    await desk.alert(rule="fever", raised_at=NOW.replace(minute=1))

    async def texts(language: str) -> list[str]:
        headers = desk.world.doctor() | {"Accept-Language": language}
        return [alert["text"] for alert in (await desk.get(headers=headers)).json()["alerts"]]

    assert await texts("") == ["发热", "疼痛 ≥ 9"]
    assert await texts("en") == ["A fever", "Pain ≥ 9"]


async def test_filters_narrow_and_never_widen(desk: Desk) -> None:
    mine, foreign = await desk.alert(), await desk.alert("P-2")
    urgent = await desk.alert(rule="fever")
    await desk.post(mine, "acknowledge", {})

    async def found(**params: Param) -> set[str]:
        return {alert["alertId"] for alert in (await desk.get(query=params)).json()["alerts"]}

    assert await found() == {mine, urgent}
    assert await found(state="acknowledged") == {mine}
    assert await found(state=["open", "acknowledged"]) == {mine, urgent}
    assert await found(level="urgent") == {urgent}
    assert await found(patientId="P-1") == {mine, urgent}
    assert await found(siteId="S-02") == set()
    assert await found(patientId="P-2") == set()
    everyone = await desk.get(headers=desk.world.doctor("coord.all", BOTH), query={"siteId": "S-02"})
    assert [alert["alertId"] for alert in everyone.json()["alerts"]] == [foreign]
    assert (await desk.get(query={"level": "worse"})).status_code == 422
    assert (await desk.get(query={"limit": 201})).status_code == 422


async def test_pages_hold_every_alert_once_also_those_raised_at_the_same_instant(desk: Desk) -> None:
    made = {await desk.alert() for _ in range(7)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        body = (await desk.get(query={"limit": 3, **cursor})).json()
        seen += [alert["alertId"] for alert in body["alerts"]]
        cursor = {"cursor": body["nextCursor"]}
    assert body["nextCursor"] is None
    assert len(seen) == 7
    assert set(seen) == made
    assert (await desk.get(query={"cursor": "made-up"})).status_code == 422


async def test_the_answer_is_for_those_who_may_read_answers(desk: Desk) -> None:
    alert_id = await desk.alert(rule="fever")
    assert (await desk.get(f"/{alert_id}")).json()["answer"] == 41.7
    without = desk.world.doctor(permissions=("patients.read", "alerts.acknowledge"))
    answer = await desk.get(f"/{alert_id}", headers=without)
    assert "answer" not in answer.json()
    assert "41.7" not in answer.text
    await desk.world.owner.execute(
        "update users set permissions = array_remove(permissions, 'answers.read') where user_id = 'dr.chen'"
    )
    assert "answer" not in (await desk.get(f"/{alert_id}")).json()


async def test_a_foreign_alert_looks_the_same_as_one_that_does_not_exist(desk: Desk) -> None:
    foreign = await desk.alert("P-2")
    nowhere = str(uuid4())
    for path in (foreign, foreign.upper(), nowhere, "x" * 99, "..", "%00", f"{{{nowhere}}}"):
        answer, unknown = await desk.get(f"/{path}"), await desk.get(f"/{uuid4()}")
        assert answer.status_code == 404
        assert answer.content == unknown.content
    for what, body in (
        ("acknowledge", {}),
        ("assess", {"assessment": "ae"}),
        ("close", {"outcome": "recovered"}),
    ):
        answer, unknown = await desk.post(foreign, what, body), await desk.post(nowhere, what, body)
        assert answer.status_code == 404
        assert answer.content == unknown.content
    assert await desk.actions() == []


async def test_neither_patients_nor_administrators_get_at_alerts(desk: Desk) -> None:
    alert_id = await desk.alert()
    for headers in (desk.world.patient("P-1"), desk.world.admin()):
        answers = [
            await desk.get(headers=headers),
            await desk.get(f"/{alert_id}", headers=headers),
            await desk.post(alert_id, "acknowledge", {}, headers),
            await desk.post(alert_id, "assess", {"assessment": "ae"}, headers),
            await desk.post(alert_id, "close", {"outcome": "recovered"}, headers),
        ]
        assert {answer.status_code for answer in answers} == {403}
    assert (await desk.world.client.get(ALERTS)).status_code == 401


async def test_what_the_worker_raises_is_what_the_api_shows_and_both_tell_the_same_events(
    services: Services, database: Database, topic: TopicSpec, world: World
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=services.kafka)
    await producer.start()
    try:
        ward = Ward(services.kafka, topic, database.role("eightbells_worker"), world.owner, producer)
        await ward.prepare()
        await ward.send(ward.report(answers={"pain": 10}))
        await ward.apply()
    finally:
        await producer.stop()
    [raised] = await ward.events()
    shown = (await world.client.get(ALERTS, headers=world.doctor())).json()["alerts"][0]
    known = {name: value for name, value in shown.items() if name not in ("text", "outcome")}
    assert {k: v for k, v in raised["data"].items() if not k.endswith("At")} == {
        k: v for k, v in known.items() if not k.endswith("At")
    }
    detail = await world.client.get(f"{ALERTS}/{shown['alertId']}", headers=world.doctor())
    assert detail.json()["answer"] == 10
    done = await world.client.post(
        f"{ALERTS}/{shown['alertId']}/acknowledge", headers=world.doctor(), json={}
    )
    assert done.status_code == 200
    [acknowledged] = await ward.events("alert.acknowledged")
    assert acknowledged["data"].keys() == raised["data"].keys()
