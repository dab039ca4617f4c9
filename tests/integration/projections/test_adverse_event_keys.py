"""A report of an adverse event that is sent again under its key is the same adverse event."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.integration.projections.conftest import World, error
from tests.integration.projections.desk import ADVERSE_EVENTS, BOTH, Desk, open_desk
from tests.integration.projections.test_adverse_events import EVENT, listed


@pytest.fixture
async def desk(world: World) -> Desk:
    return await open_desk(world)


async def send(
    desk: Desk, key: str, headers: dict[str, str] | None = None, **changes: object
) -> httpx.Response:
    headers = (headers or desk.world.doctor()) | {"Idempotency-Key": key}
    return await desk.world.client.post(ADVERSE_EVENTS, headers=headers, json=EVENT | changes)


async def test_the_same_report_under_the_same_key_is_answered_alike_and_happens_once(desk: Desk) -> None:
    key = str(uuid4())
    first = await send(desk, key)
    desk.world.clock.advance(seconds=90)
    again = await send(desk, key)
    assert (first.status_code, again.status_code) == (201, 201)
    shown, told = first.json(), again.json()
    for answer in (shown, told):
        del answer["asOf"], answer["lag"]
    assert told == shown
    assert await listed(desk) == [shown["adverseEventId"]]
    assert len(await desk.actions()) == len(await desk.events()) == 1


async def test_the_key_may_stand_in_quotes_as_a_structured_field_or_without(desk: Desk) -> None:
    quoted, plain = await send(desk, '"a-key-1"'), await send(desk, "a-key-1")
    assert quoted.json()["adverseEventId"] == plain.json()["adverseEventId"]


async def test_sent_several_times_at_once_it_happens_once(desk: Desk) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(send(desk, key) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["adverseEventId"] for answer in answers}) == 1
    assert len(await listed(desk)) == len(await desk.actions()) == 1


async def test_one_from_an_alert_can_be_sent_again(desk: Desk) -> None:
    key, alert_id = str(uuid4()), await desk.assessed()
    first, again = await send(desk, key, alertId=alert_id), await send(desk, key, alertId=alert_id.upper())
    assert first.status_code == again.status_code == 201
    assert first.json()["adverseEventId"] == again.json()["adverseEventId"]
    assert (await send(desk, str(uuid4()), alertId=alert_id)).status_code == 409


@pytest.mark.parametrize(
    "changes",
    [
        {"term": "Neutropenia"},
        {"grade": 4},
        {"serious": False},
        {"onset": "2026-11-20"},
        {"description": None},
        {"patientId": "P-2"},
    ],
    ids=str,
)
async def test_another_report_under_the_same_key_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    everywhere = desk.world.doctor("coord.all", BOTH)
    key = str(uuid4())
    first = await send(desk, key, everywhere)
    answer = await send(desk, key, everywhere, **changes)
    assert error(answer) == (422, "Key already used")
    assert await listed(desk) == [first.json()["adverseEventId"]]


async def test_a_key_is_its_senders_own(desk: Desk) -> None:
    key = str(uuid4())
    mine = await send(desk, key)
    others = await send(desk, key, desk.world.doctor("dr.mueller"), grade=4)
    assert others.status_code == 201
    assert others.json()["adverseEventId"] != mine.json()["adverseEventId"]


async def test_a_key_shows_nothing_of_a_site_that_is_no_longer_the_callers(desk: Desk) -> None:
    key = str(uuid4())
    await send(desk, key, desk.world.doctor("coord.all", BOTH), patientId="P-2")
    answer = await send(desk, key, desk.world.doctor("coord.all"), patientId="P-2")
    assert answer.status_code == 404


async def test_without_a_key_each_report_counts(desk: Desk) -> None:
    for _ in range(2):
        await desk.world.client.post(ADVERSE_EVENTS, headers=desk.world.doctor(), json=EVENT)
    assert len(await listed(desk)) == 2


@pytest.mark.parametrize("key", ["", '""', "two words", 'half"', "x" * 65, "a\\b"])
async def test_what_is_no_key_is_refused(desk: Desk, key: str) -> None:
    assert error(await send(desk, key)) == (422, "Invalid parameters")
    assert await listed(desk) == []
