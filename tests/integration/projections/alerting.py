"""A study with alert rules between a topic and a database of its own, and a worker to apply what is sent."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.topics import TopicSpec
from projections.log_ends import log_ends
from stream_workers.reports.__main__ import build
from stream_workers.reports.health import Health
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.settings import WorkerSettings
from tests.waiting import patiently

SEAL_KEYS = KeyRing("k1", {"k1": bytes(range(32))})
DIARY: dict[str, Any] = {
    "id": "diary",
    "version": "1",
    "items": [
        {"id": "pain", "type": "integer", "min": 0, "max": 10, "text": {"zh": "疼痛", "en": "Pain"}},
        {
            "id": "temperature",
            "type": "number",
            "min": 30,
            "max": 45,
            "unit": "°C",
            "required": False,
            "text": {"zh": "体温", "en": "Temperature"},
        },
    ],
    "alerts": [
        {"id": "severe-pain", "item": "pain", "comparison": ">=", "value": 9, "level": "routine"},
        {
            "id": "fever",
            "item": "temperature",
            "comparison": ">=",
            "value": 38.3,
            "level": "urgent",
            "text": {"zh": "发热", "en": "A fever"},
        },
    ],
}
_FORGET_THE_LEDGER = """
set session_replication_role = replica;
truncate ledger, report_ids, refused_attempts, amendments, seals, offsets;
update visits set completed_at = null, received_at = null, timeliness = null, forms = null;
update slot_counts set partial = 0, on_time = 0, late = 0;
set session_replication_role = origin;
"""


@dataclass
class Ward:
    """Patient P-1 of site S-01, with an open visit V-open and one in its grace, V-late."""

    kafka: str
    topic: TopicSpec
    worker_url: str
    owner: asyncpg.Connection
    producer: AIOKafkaProducer
    group: str = field(default_factory=lambda: f"eb-test-{secrets.token_hex(6)}")

    async def prepare(self) -> None:
        """Publish the instrument, and give P-1 and P-2 their visits."""
        await self.owner.execute(
            "insert into instruments values ('EB-TEST', 'diary', '1', $1, '\\x00')", json.dumps(DIARY)
        )
        await self.owner.execute("update patients set consented_from = now() - interval '20 days'")
        for code, opens, closes in (("open", 180, 180), ("late", 300, -10)):
            slot = await self.owner.fetchval(
                "insert into slots (study_id, schedule_version, visit_code, visit_name, planned_date,"
                " time_zone, opens_at, closes_at, late_until, required, optional)"
                " select 'EB-TEST', '1', $1, '{}', current_date, 'Asia/Shanghai',"
                " now() - make_interval(mins => $2), now() + make_interval(mins => $3),"
                " now() + make_interval(mins => $3 + 60), '{diary}', '{}'"
                " returning slot_id",
                code, opens, closes,
            )  # fmt: skip
            await self.owner.execute(
                "insert into visits (patient_id, visit_id, slot_id, site_id)"
                " select patient_id, 'V-' || $1, $2, site_id from patients",
                code, slot,
            )  # fmt: skip

    def report(self, patient_id: str = "P-1", minutes_ago: float = 2, **changes: object) -> bytes:
        """A report whose pain raises an alert, unless the changes say otherwise; None leaves a field out."""
        report = {
            "reportId": str(uuid4()),
            "patientId": patient_id,
            "visitId": "V-open",
            "instrument": "diary",
            "instrumentVersion": "1",
            "recordedAt": (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(),
            "timeZone": "Asia/Shanghai",
            "answers": {"pain": 9},
            **changes,
        }
        return json.dumps({name: value for name, value in report.items() if value is not None}).encode()

    async def send(
        self,
        value: bytes,
        user: str | None = None,
        role: str = "patient",
        *,
        headers: bool = True,
        misplaced: int = 0,
    ) -> tuple[int, int]:
        """Put a report into the topic as a gateway would; its (partition, offset)."""
        try:
            patient_id = str(json.loads(value)["patientId"])
        except ValueError:
            patient_id = "P-1"
        sender = (
            ("userId", (user or f"u-{patient_id}").encode()),
            ("role", role.encode()),
            ("sentAt", datetime.now(UTC).isoformat().encode()),
        )
        meta = await self.producer.send_and_wait(
            self.topic.name,
            value,
            patient_id.encode(),
            headers=list(sender) if headers else [],
            partition=(partition_for(patient_id, self.topic.partitions) + misplaced) % self.topic.partitions,
        )
        return meta.partition, meta.offset

    async def apply(self) -> CollectorRegistry:
        """Run a worker until everything that was sent is in the ledger; its metrics."""
        registry = CollectorRegistry()
        metrics = WorkerMetrics(registry)
        settings: Mapping[str, Any] = {
            "KAFKA_BOOTSTRAP": self.kafka,
            "DATABASE_URL": self.worker_url,
            "seal_key_file": Path("unused"),
            "reports_topic": self.topic.name,
            "group_id": self.group,
            "batch_interval_ms": 0,
        }
        consumer = build(WorkerSettings(**settings), SEAL_KEYS, metrics, Health(metrics))
        working = asyncio.create_task(consumer.run())
        try:
            async with patiently():
                while not await self._reached():  # noqa: ASYNC110 - what is awaited is in Postgres
                    await asyncio.sleep(0.02)
        finally:
            consumer.stop()
            await working
        return registry

    async def alerts(self) -> list[asyncpg.Record]:
        """Every alert, in the order in which their reports arrived."""
        rows: list[asyncpg.Record] = await self.owner.fetch(
            "select * from alerts order by received_at, kafka_offset, rule_id"
        )
        return rows

    async def events(self, kind: str = "alert.raised") -> list[dict[str, Any]]:
        """The outbox's events of a type."""
        rows = await self.owner.fetch("select events from outbox order by outbox_id")
        events = [event for row in rows for event in json.loads(row["events"])]
        return [event for event in events if event["type"] == kind]

    async def row(self, place: tuple[int, int]) -> asyncpg.Record:
        """The ledger's row of a place."""
        row = await self.owner.fetchrow(
            "select * from ledger where kafka_partition = $1 and kafka_offset = $2", *place
        )
        assert row is not None
        return row

    async def forget_the_ledger(self) -> None:
        """Lose all that was read from the topic, but not alerts and outbox: the next worker replays."""
        await self.owner.execute(_FORGET_THE_LEDGER)

    async def _reached(self) -> bool:
        ends = await log_ends(self.kafka, self.topic.name)
        rows = await self.owner.fetch(
            "select kafka_partition, next_offset from offsets join streams using (stream_id)"
            " where topic = $1",
            self.topic.name,
        )
        at = {row[0]: row[1] for row in rows}
        return all(at.get(partition, 0) >= end for partition, end in ends.items() if end)
