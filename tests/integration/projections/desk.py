"""The read API with alerts behind it, for tests of those who handle them."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from tests.integration.projections.alerting import DIARY
from tests.integration.projections.conftest import NOW, World

ALERTS = "/api/v1/alerts"
ADVERSE_EVENTS = "/api/v1/adverse-events"
BOTH = ("S-01", "S-02")
Param = str | int | list[str]


class Desk:
    """The API with alerts behind it, put there as a worker would."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._offset = 0

    async def alert(self, patient_id: str = "P-1", rule: str = "severe-pain", **changes: object) -> str:
        """An alert of a report whose pain is 9; its id."""
        report_id, alert_id, offset = uuid4(), uuid4(), self._offset
        self._offset += 1
        item, level = ("pain", "routine") if rule == "severe-pain" else ("temperature", "urgent")
        report = {
            "reportId": str(report_id),
            "patientId": patient_id,
            "instrument": "diary",
            "instrumentVersion": "1",
            "recordedAt": NOW.isoformat(),
            "timeZone": "Asia/Shanghai",
            "answers": {"pain": 9, "temperature": 41.7},
        }
        await self.world.owner.execute(
            "insert into ledger (received_at, stream_id, kafka_partition, kafka_offset, disposition,"
            " patient_id, report_id, value) values ($1, 1, 3, $2, 'accepted', $3, $4, $5)",
            NOW, offset, patient_id, report_id, json.dumps(report).encode(),
        )  # fmt: skip
        row: dict[str, object] = {
            "alert_id": alert_id,
            "study_id": "EB-TEST",
            "site_id": "S-01" if patient_id == "P-1" else "S-02",
            "patient_id": patient_id,
            "report_id": report_id,
            "instrument": "diary",
            "instrument_version": "1",
            "rule_id": rule,
            "item": item,
            "level": level,
            "marks": ["late"],
            "recorded_at": NOW,
            "received_at": NOW,
            "raised_at": NOW,
            "stream_id": 1,
            "kafka_partition": 3,
            "kafka_offset": offset,
            **changes,
        }
        names = ", ".join(row)
        places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        statement = f"insert into alerts ({names}) values ({places})"  # noqa: S608 - our own names
        await self.world.owner.execute(statement, *row.values())
        return str(alert_id)

    async def post(
        self, alert_id: str, what: str, body: object, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        url = f"{ALERTS}/{alert_id}/{what}"
        return await self.world.client.post(url, headers=headers or self.world.doctor(), json=body)

    async def get(
        self, path: str = "", headers: dict[str, str] | None = None, query: Mapping[str, Param] | None = None
    ) -> httpx.Response:
        url = f"{ALERTS}{path}"
        return await self.world.client.get(url, headers=headers or self.world.doctor(), params=query)

    async def assessed(self, assessment: str = "ae") -> str:
        """An alert that dr.chen acknowledged and assessed."""
        alert_id = await self.alert()
        assert (await self.post(alert_id, "acknowledge", {})).status_code == 200
        assert (await self.post(alert_id, "assess", {"assessment": assessment})).status_code == 200
        return alert_id

    async def actions(self) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.world.owner.fetch("select * from actions order by action_id")
        return rows

    async def events(self) -> list[dict[str, Any]]:
        rows = await self.world.owner.fetch("select events from outbox order by outbox_id")
        return [event for row in rows for event in json.loads(row["events"])]


async def open_desk(world: World) -> Desk:
    """A study whose diary has rules, and a second doctor of S-01."""
    await world.owner.execute(
        "insert into instruments values ('EB-TEST', 'diary', '1', $1, '\\x00')", json.dumps(DIARY)
    )
    await world.add_user("dr.mueller", "doctor", ("S-01",))
    return Desk(world)
