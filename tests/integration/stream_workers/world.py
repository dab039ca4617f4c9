"""A small study in a database of its own, a topic of its own, and workers to run between them."""

import asyncio
import contextlib
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.topics import TopicSpec
from ingest_gateway.process.topics import topic_identity
from projections.log_ends import log_ends
from projections.verify import SealHead, Verification, verify
from stream_workers.reports.__main__ import build
from stream_workers.reports.consumer import ReportConsumer
from stream_workers.reports.health import Health
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.settings import WorkerSettings
from tests.waiting import patiently

SEAL_KEYS = KeyRing("k1", {"k1": bytes(range(32))})
ITEMS = [
    {"id": "pain", "type": "integer", "min": 0, "max": 10},
    {"id": "note", "type": "text", "required": False},
]
STUDY = """
insert into studies values ('S', 'training', '{}', now()), ('T', 'training', '{}', now());
insert into sites values ('S-1', 'S', 'one', 'Asia/Shanghai'), ('S-2', 'S', 'two', 'Asia/Shanghai');
insert into slots (study_id, schedule_version, visit_code, visit_name, planned_date, time_zone, opens_at,
    closes_at, late_until, required, optional)
select 'S', '1', code, '{}', current_date, 'Asia/Shanghai', now() - opens, now() + closes,
    now() + closes + interval '1 hour', required, optional
from (values
    ('open', interval '3 hours', interval '2 hours', array['diary'], array['notes']),
    ('late', interval '6 hours', interval '-10 minutes', array['diary'], array[]::text[]),
    ('both', interval '3 hours', interval '3 hours', array['diary', 'mood'], array[]::text[]),
    ('missed', interval '9 days', interval '-8 days', array['diary'], array[]::text[])
) as plan (code, opens, closes, required, optional);
insert into users (user_id, role) select 'u-P-' || n, 'patient' from generate_series(1, 300) n;
insert into patients
select 'P-' || n, 'u-P-' || n, 'S', 'S-' || 1 + n % 2, 'Asia/Shanghai', current_date, '1',
    now() - interval '20 days', null, now()
from generate_series(1, 300) n;
insert into visits (patient_id, visit_id, slot_id, site_id)
select patient_id, 'V-' || visit_code, slot_id, site_id from patients, slots;
insert into slot_counts (site_id, slot_id, shard, expected)
select site_id, slot_id, -1, count(*) from visits group by 1, 2;
insert into users (user_id, role) values ('dr-1', 'doctor'), ('admin', 'admin');
insert into user_sites values ('dr-1', 'S-1');
"""


@dataclass
class Record:
    """A record to put into the topic as it is. ``partition`` None: where the patient belongs."""

    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes]]
    partition: int


@dataclass
class Running:
    """A worker that runs in this process."""

    consumer: ReportConsumer
    health: Health
    metrics: WorkerMetrics
    registry: CollectorRegistry

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@dataclass
class World:
    """The study, the topic, and what tests do with them."""

    kafka: str
    topic: TopicSpec
    owner_url: str
    worker_url: str
    reader_url: str
    owner: asyncpg.Connection
    producer: AIOKafkaProducer
    group: str = field(default_factory=lambda: f"eb-test-{secrets.token_hex(6)}")
    seal_keys: KeyRing = SEAL_KEYS

    def report(self, patient: int | str = 1, **changes: object) -> bytes:
        patient_id = patient if isinstance(patient, str) else f"P-{patient}"
        report = {
            "reportId": str(uuid.uuid4()),
            "patientId": patient_id,
            "visitId": "V-open",
            "instrument": "diary",
            "instrumentVersion": "1",
            "recordedAt": (datetime.now(UTC) - timedelta(minutes=20)).isoformat(),
            "timeZone": "Asia/Shanghai",
            "answers": {"pain": 3},
            **changes,
        }
        return json.dumps({name: value for name, value in report.items() if value is not None}).encode()

    def record(self, value: bytes | None, patient: int | str = 1, **changes: object) -> Record:
        patient_id = patient if isinstance(patient, str) else f"P-{patient}"
        headers = [
            ("userId", f"u-{patient_id}".encode()),
            ("role", b"patient"),
            ("sentAt", datetime.now(UTC).isoformat().encode()),
        ]
        fields: dict[str, Any] = {
            "key": patient_id.encode(),
            "headers": headers,
            "partition": partition_for(patient_id, 12),
            **changes,
        }
        return Record(value, **fields)

    async def send(self, *records: Record) -> list[tuple[int, int]]:
        """Put records into the topic; their (partition, offset)."""
        sent = [
            await self.producer.send(
                self.topic.name, one.value, one.key, headers=one.headers, partition=one.partition
            )
            for one in records
        ]
        return [(meta.partition, meta.offset) for meta in await asyncio.gather(*sent)]

    async def send_reports(self, *patients: int, **changes: object) -> list[tuple[int, int]]:
        return await self.send(*(self.record(self.report(one, **changes), one) for one in patients))

    def settings(self, **changes: object) -> WorkerSettings:
        values: dict[str, Any] = {
            "KAFKA_BOOTSTRAP": self.kafka,
            "DATABASE_URL": self.worker_url,
            "seal_key_file": Path("unused"),
            "reports_topic": self.topic.name,
            "group_id": self.group,
            "batch_interval_ms": 0,
            "commit_hint_seconds": 0.2,
            **changes,
        }
        return WorkerSettings(**values)

    @contextlib.asynccontextmanager
    async def worker(self, **changes: object) -> AsyncIterator[Running]:
        """Run a worker while the block runs; it has to stop cleanly."""
        registry = CollectorRegistry()
        metrics = WorkerMetrics(registry)
        health = Health(metrics)
        consumer = build(self.settings(**changes), self.seal_keys, metrics, health)
        task = asyncio.create_task(consumer.run())
        try:
            yield Running(consumer, health, metrics, registry)
        finally:
            consumer.stop()
            async with patiently():
                await task

    async def applied(self) -> None:
        """Wait until the ledger has reached the end of the log."""
        ends = {
            partition: end for partition, end in (await log_ends(self.kafka, self.topic.name)).items() if end
        }

        async def reached() -> bool:
            rows = await self.owner.fetch(
                "select kafka_partition, next_offset from offsets"
                " where stream_id = (select max(stream_id) from streams)"
            )
            at = {row[0]: row[1] for row in rows}
            return all(at.get(partition, 0) >= end for partition, end in ends.items())

        async with patiently():
            while not await reached():
                await self.pause()

    async def apply(self, **changes: object) -> None:
        """Run a worker until it has applied everything there is."""
        async with self.worker(**changes):
            await self.applied()

    async def pause(self, seconds: float = 0.02) -> None:
        await asyncio.sleep(seconds)

    async def row(self, place: tuple[int, int]) -> Mapping[str, Any]:
        rows = await self.owner.fetch(
            "select * from ledger where kafka_partition = $1 and kafka_offset = $2", *place
        )
        assert len(rows) == 1, f"{len(rows)} ledger rows at {place}"
        return dict(rows[0])

    async def rows(self, *places: tuple[int, int]) -> list[Mapping[str, Any]]:
        return [await self.row(place) for place in places]

    async def verified(
        self,
        keys: KeyRing = SEAL_KEYS,
        published: Sequence[SealHead] = (),
        ends_after: Callable[[], Awaitable[Mapping[int, int]]] | None = None,
    ) -> Verification:
        reader = await asyncpg.connect(self.reader_url)
        try:
            ends = await log_ends(self.kafka, self.topic.name)
            identity = await topic_identity(self.kafka, self.topic.name)
            return await verify(reader, keys, identity, ends, ends_after, published)
        finally:
            await reader.close()

    async def stopped(self, worker: Running) -> str:
        """Wait until a worker has stopped for good; why."""
        async with patiently():
            while not (worker.health.readiness() or "").startswith("stopped"):
                await self.pause()
        return worker.health.readiness() or ""

    async def clean(self) -> None:
        """Assert that verification finds nothing."""
        result = await self.verified()
        assert result.findings == []
        assert all(one.next == one.end for one in result.partitions)
