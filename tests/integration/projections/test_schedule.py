"""GET /api/v1/me/schedule: what the calling patient is asked, and when."""

import json
from datetime import timedelta
from typing import Any

import pytest

from projections.study.instruments import Instrument
from tests.integration.projections.conftest import NOW, World, error

PATH = "/api/v1/me/schedule"
ITEMS: list[dict[str, Any]] = [
    {"id": "pain", "type": "integer", "min": 0, "max": 10, "text": {"zh": "疼痛", "en": "Pain"}},
    {
        "id": "heat",
        "type": "number",
        "min": 30,
        "max": 45,
        "unit": "°C",
        "text": {"zh": "体温"},
        "required": False,
    },
    {"id": "note", "type": "text", "max_length": 99, "text": {"en": "A note"}},
    {
        "id": "mood",
        "type": "choice",
        "text": {"zh": "心情", "en": "Mood"},
        "choices": [
            {"value": 0, "text": {"zh": "好", "en": "Good"}},
            {"value": 1, "text": {"zh": "差", "en": "Bad"}},
        ],
    },
]


def diary(version: str) -> dict[str, Any]:
    return {
        "id": "d",
        "version": version,
        "title": {"zh": "日记", "en": "Diary"},
        "items": ITEMS,
        "alerts": [{"id": "severe", "item": "pain", "comparison": ">=", "value": 9, "level": "urgent"}],
    }


@pytest.fixture(autouse=True)
async def published(world: World) -> None:
    """Two versions of the diary; the second is the study's newest. And windows around NOW, for P-1."""
    for version, days in (("1.0", 9), ("2.0", 3)):
        definition = diary(version)
        Instrument.model_validate_json(json.dumps(definition))
        await world.owner.execute(
            "insert into instruments values ('EB-TEST', 'd', $1, $2, '\\x00')",
            version, json.dumps(definition),
        )  # fmt: skip
        await world.owner.execute(
            "insert into study_versions values ('EB-TEST', $1, $2, '\\x00', $3)",
            version, json.dumps({"instruments": [definition]}), NOW - timedelta(days=days),
        )  # fmt: skip
    for visit_id, hours in (
        ("V-over", -5),
        ("V-grace", -3.5),
        ("V-open", -1),
        ("V-soon", 24),
        ("V-far", 24 * 20),
    ):
        slot = await world.add_slot(NOW + timedelta(hours=hours), code=visit_id)
        await world.add_visit("P-1", visit_id, slot)


async def test_a_patient_reads_the_windows_that_are_not_over_in_their_order(world: World) -> None:
    answer = (await world.client.get(PATH, headers=world.patient("P-1"))).json()
    assert [(visit["visitId"], visit["statusCode"]) for visit in answer["visits"]] == [
        ("V-grace", "overdue"),
        ("V-open", "open"),
        ("V-soon", "upcoming"),
    ]
    assert (answer["patientId"], answer["timeZone"]) == ("P-1", "Asia/Shanghai")
    assert answer["visits"][1]["forms"] == [{"instrument": "d", "required": True, "recordedAt": None}]
    further = await world.client.get(PATH, headers=world.patient("P-1"), params={"days": 30})
    assert further.json()["visits"][-1]["visitId"] == "V-far"


async def test_what_is_in_says_when_it_was_recorded_and_what_is_cancelled_is_left_out(world: World) -> None:
    recorded = NOW - timedelta(minutes=20)
    slot = await world.add_slot(NOW - timedelta(hours=2), required=("d", "e"))
    await world.add_visit("P-1", "V-two", slot, {"e": (recorded, recorded)})
    await world.add_visit("P-1", "V-gone", slot, cancelled_at=NOW - timedelta(hours=1))
    answer = (await world.client.get(PATH, headers=world.patient("P-1"))).json()
    by_id = {visit["visitId"]: visit for visit in answer["visits"]}
    assert "V-gone" not in by_id
    assert [(form["instrument"], form["recordedAt"]) for form in by_id["V-two"]["forms"]] == [
        ("d", None),
        ("e", "2026-11-22T00:40:00Z"),
    ]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["Diary", "Pain", "体温", "A note", "Good"]),
        ("zh-CN", ["日记", "疼痛", "体温", "A note", "好"]),
    ],
)
async def test_instruments_come_in_the_newest_version_and_the_readers_language(
    world: World, language: str, texts: list[str]
) -> None:
    headers = world.patient("P-1") | {"Accept-Language": language}
    [instrument] = (await world.client.get(PATH, headers=headers)).json()["instruments"]
    assert instrument["version"] == "2.0"
    items = {item["id"]: item for item in instrument["items"]}
    shown = [items[name]["text"] for name in ("pain", "heat", "note")]
    assert [instrument["title"], *shown, items["mood"]["choices"][0]["text"]] == texts
    assert (items["pain"]["min"], items["pain"]["max"], items["heat"]["unit"]) == (0, 10, "°C")
    assert (items["heat"]["required"], items["note"]["maxLength"]) == (False, 99)
    assert "alerts" not in instrument
    assert "severe" not in json.dumps(instrument)


async def test_it_is_the_callers_own_and_for_patients_only(world: World) -> None:
    assert (await world.client.get(PATH, headers=world.patient("P-2", "S-02"))).json()["visits"] == []
    for headers in (world.doctor(), world.admin()):
        assert error(await world.client.get(PATH, headers=headers)) == (403, "Forbidden")
    assert (await world.client.get(PATH)).status_code == 401
    for days in ("0", "94", "x"):
        wrong = await world.client.get(PATH, headers=world.patient("P-1"), params={"days": days})
        assert error(wrong) == (422, "Invalid parameters")
