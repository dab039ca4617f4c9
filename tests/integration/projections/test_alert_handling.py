"""Alerts as staff handle them: each step taken once, by those permitted, and all of it on the record."""

import asyncio
import json

import asyncpg
import pytest

from tests.conftest import Database
from tests.integration.projections.conftest import World
from tests.integration.projections.desk import Desk, open_desk


@pytest.fixture
async def desk(world: World) -> Desk:
    return await open_desk(world)


async def test_each_step_asks_for_its_permission_in_the_token_and_in_the_database(desk: Desk) -> None:
    alert_id = await desk.assessed()
    steps: dict[str, tuple[str, dict[str, str]]] = {
        "acknowledge": ("alerts.acknowledge", {}),
        "assess": ("alerts.assess", {"assessment": "ae"}),
        "close": ("alerts.assess", {"outcome": "recovered"}),
    }
    for what, (permission, body) in steps.items():
        others = tuple({"patients.read", "alerts.acknowledge", "alerts.assess"} - {permission})
        refused = await desk.post(alert_id, what, body, desk.world.doctor(permissions=others))
        assert refused.status_code == 403
    await desk.world.owner.execute(
        "update users set permissions = '{patients.read}' where user_id = 'dr.chen'"
    )
    for what, (_, body) in steps.items():
        assert (await desk.post(alert_id, what, body)).status_code == 403


async def test_an_alert_is_acknowledged_assessed_and_closed_and_all_of_it_is_on_the_record(
    desk: Desk,
) -> None:
    alert_id = await desk.alert()
    done = await desk.post(alert_id, "acknowledge", {"note": "called the ward"})
    assert (done.json()["state"], done.json()["acknowledgedBy"]) == ("acknowledged", "dr.chen")
    done = await desk.post(alert_id, "assess", {"assessment": "sae"}, desk.world.doctor("dr.mueller"))
    assert (done.json()["state"], done.json()["assessedBy"]) == ("assessed", "dr.mueller")
    done = await desk.post(alert_id, "close", {"outcome": "recovered", "note": "discharged"})
    assert (done.json()["state"], done.json()["outcome"]) == ("closed", "recovered")
    assert done.json()["closedAt"] == "2026-11-22T01:00:00Z"
    history = (await desk.get(f"/{alert_id}")).json()["history"]
    assert [(one["what"], one["who"]["username"], one["why"]) for one in history] == [
        ("alert.acknowledged", "dr.chen", "called the ward"),
        ("alert.assessed", "dr.mueller", None),
        ("alert.closed", "dr.chen", "discharged"),
    ]
    assert history[1]["old"] == {"state": "acknowledged", "assessment": None}
    assert history[1]["new"] == {"state": "assessed", "assessment": "sae"}
    events = await desk.events()
    assert [event["type"] for event in events] == ["alert.acknowledged", "alert.assessed", "alert.closed"]
    assert all((event["siteId"], event["patientId"]) == ("S-01", "P-1") for event in events)
    told = json.dumps(events)
    assert not any(word in told for word in ("ward", "discharged", "recovered", "疼痛", "41.7"))


async def test_steps_come_in_their_order(desk: Desk) -> None:
    alert_id = await desk.alert()
    assert (await desk.post(alert_id, "assess", {"assessment": "ae"})).json()["title"] == "Not acknowledged"
    assert (await desk.post(alert_id, "close", {"outcome": "recovered"})).status_code == 409
    await desk.post(alert_id, "acknowledge", {})
    assert (await desk.post(alert_id, "close", {"outcome": "recovered"})).json()["title"] == "Not assessed"
    assert len(await desk.actions()) == 1


async def test_doing_the_same_again_changes_nothing(desk: Desk) -> None:
    alert_id = await desk.assessed()
    closed = await desk.post(alert_id, "close", {"outcome": "recovered"})
    desk.world.clock.advance(hours=1)
    for what, body in (
        ("acknowledge", {"note": "again"}),
        ("assess", {"assessment": "ae"}),
        ("close", {"outcome": "recovered"}),
    ):
        again = await desk.post(alert_id, what, body)
        assert again.status_code == 200
        ours = {"asOf", "lag"}
        assert {k: v for k, v in again.json().items() if k not in ours} == {
            k: v for k, v in closed.json().items() if k not in ours
        }
    assert len(await desk.actions()) == len(await desk.events()) == 3


@pytest.mark.parametrize("attempt", range(3))
async def test_of_two_who_acknowledge_at_once_one_wins_and_the_other_is_told_who(
    desk: Desk, attempt: int
) -> None:
    alert_id = await desk.alert()
    doctors = ("dr.chen", "dr.mueller") * 4
    answers = await asyncio.gather(
        *(desk.post(alert_id, "acknowledge", {}, desk.world.doctor(name)) for name in doctors)
    )
    shown = (await desk.get(f"/{alert_id}")).json()
    winner = shown["acknowledgedBy"]
    for name, answer in zip(doctors, answers, strict=True):
        assert answer.status_code == (200 if name == winner else 409)
        assert answer.json()["acknowledgedBy"] == winner
        assert answer.json()["acknowledgedAt"] == shown["acknowledgedAt"]
    assert len(await desk.actions()) == len(await desk.events()) == 1


async def test_an_assessment_is_corrected_only_by_naming_it_and_saying_why(desk: Desk) -> None:
    alert_id = await desk.assessed("not_ae")
    mueller = desk.world.doctor("dr.mueller")
    unaware = await desk.post(alert_id, "assess", {"assessment": "ae"}, mueller)
    assert unaware.status_code == 409
    assert (unaware.json()["assessment"], unaware.json()["assessedBy"]) == ("not_ae", "dr.chen")
    without_why = {"assessment": "ae", "replaces": "not_ae"}
    assert (await desk.post(alert_id, "assess", without_why, mueller)).status_code == 422
    done = await desk.post(alert_id, "assess", without_why | {"note": "lab results"}, mueller)
    assert (done.json()["assessment"], done.json()["assessedBy"]) == ("ae", "dr.mueller")
    last = (await desk.actions())[-1]
    assert json.loads(last["old"])["assessment"] == "not_ae"
    assert last["why"] == "lab results"
    await desk.post(alert_id, "close", {"outcome": "recovered"})
    late = {"assessment": "sae", "replaces": "ae", "note": "too late"}
    assert (await desk.post(alert_id, "assess", late, mueller)).json()["title"] == "Already closed"


@pytest.mark.parametrize(
    "words", ["=HYPERLINK(1)", "a\r\nSet-Cookie: b", "<script>", "'; drop table alerts", "\ufeff\u202e"]
)
async def test_notes_are_kept_as_they_were_written(desk: Desk, words: str) -> None:
    alert_id = await desk.alert()
    await desk.post(alert_id, "acknowledge", {"note": words})
    assert (await desk.get(f"/{alert_id}")).json()["history"][0]["why"] == words


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("acknowledge", {"note": "a\0b"}),
        ("acknowledge", {"note": "x" * 1001}),
        ("acknowledge", {"note": ""}),
        ("acknowledge", {"acknowledgedBy": "somebody"}),
        ("acknowledge", []),
        ("assess", {}),
        ("assess", {"assessment": "AE"}),
        ("assess", {"assessment": None}),
        ("close", {}),
        ("close", {"outcome": ""}),
        ("close", {"outcome": ["recovered"]}),
    ],
)
async def test_a_wrong_body_changes_nothing(desk: Desk, what: str, body: object) -> None:
    alert_id = await desk.alert()
    assert (await desk.post(alert_id, what, body)).status_code == 422
    assert await desk.actions() == []


async def test_the_record_of_what_people_did_cannot_be_rewritten(desk: Desk, database: Database) -> None:
    await desk.assessed()
    api = await asyncpg.connect(database.role("eightbells_api"))
    for connection in (api, desk.world.owner):
        for statement in (
            "update actions set why = 'another'",
            "delete from actions",
            "truncate actions",
            "update alerts set level = 'critical'",
            "delete from alerts",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    await api.close()
