"""A small study in a real Postgres, and the read API in front of it, with a clock that the test moves."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from ingest_gateway.auth.keys import KeyRing, key_ring
from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, LIFETIME_S, Claims, Role, issue
from projections.passwords import hash_password
from projections.read_api.app import build_app
from projections.read_api.database import open_database
from projections.read_api.hashing import PasswordThreads
from projections.read_api.identity import PERMISSIONS
from projections.read_api.metrics import Metrics
from projections.read_api.services import LoginRules, Services
from projections.study.codes import code_digest
from tests.conftest import Database

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ACTION_SEAL_KEYS = KeyRing("a1", {"a1": bytes(range(32))})
PASSWORD = "correct horse battery"
PROFILE = "/api/v1/profile"
REFRESH = "/api/v1/token/refresh"
QUICK_HASH = hash_password(PASSWORD, QUICK)


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@dataclass
class World:
    """The API, the database behind it, and how to make what a test needs in it."""

    client: httpx.AsyncClient
    owner: asyncpg.Connection
    keys: KeyRing
    clock: Clock
    services: Services
    next_offset: int = 0

    def claims(self, user_id: str, role: Role) -> Claims:
        """The claims of a fresh token that says nothing of sites or patients."""
        issued = int(self.clock().timestamp())
        return Claims(
            userId=user_id,
            role=role,
            iss=ISSUER,
            aud=AUDIENCE,
            iat=issued,
            exp=issued + LIFETIME_S,
            jti=str(uuid4()),
            sid=str(uuid4()),
        )

    def sign(self, claims: Claims, **other: object) -> dict[str, str]:
        """Headers with a token of these claims, some of them changed."""
        return bearer(issue(replace(claims, **other), self.keys))

    def patient(self, patient_id: str, site_id: str = "S-01") -> dict[str, str]:
        """Headers of a patient's request."""
        return self.sign(
            self.claims(f"u-{patient_id}", "patient"), patientId=patient_id, studyId="EB-TEST", siteId=site_id
        )

    def doctor(
        self,
        user_id: str = "dr.chen",
        sites: tuple[str, ...] = ("S-01",),
        permissions: tuple[str, ...] = PERMISSIONS,
    ) -> dict[str, str]:
        """Headers of a doctor's request; the token may claim more than the database grants."""
        return self.sign(self.claims(user_id, "doctor"), sites=sites, permissions=permissions)

    def admin(self) -> dict[str, str]:
        """Headers of an admin's request."""
        return self.sign(self.claims("admin", "admin"))

    async def add_user(
        self, user_id: str, role: str, sites: tuple[str, ...] = (), password: bool = True
    ) -> None:
        await self.owner.execute(
            "insert into users (user_id, username, role, password_hash, permissions)"
            " values ($1, $1, $2, $3, $4)",
            user_id, role, QUICK_HASH if password else None, list(PERMISSIONS if role == "doctor" else ()),
        )  # fmt: skip
        for site in sites:
            await self.owner.execute("insert into user_sites values ($1, $2)", user_id, site)

    async def add_patient(self, patient_id: str, site_id: str = "S-01") -> None:
        user_id = f"u-{patient_id}"
        await self.owner.execute("insert into users (user_id, role) values ($1, 'patient')", user_id)
        await self.owner.execute(
            "insert into patients values ($1, $2, 'EB-TEST', $3, 'Asia/Shanghai', $4, '1', $5, null, $5)",
            patient_id, user_id, site_id, date(2026, 11, 21), NOW - timedelta(days=1),
        )  # fmt: skip

    async def add_code(self, user_id: str, code: str, days: int = 14) -> None:
        await self.owner.execute(
            "insert into activation_codes values ($1, $2, $3)",
            code_digest(code), user_id, self.clock() + timedelta(days=days),
        )  # fmt: skip

    async def add_slot(
        self, opens_at: datetime, hours: float = 3, code: str = "diary-am", required: tuple[str, ...] = ("d",)
    ) -> int:
        """A window with a grace of one hour."""
        closes_at = opens_at + timedelta(hours=hours)
        slot: int = await self.owner.fetchval(
            "insert into slots (study_id, schedule_version, visit_code, visit_name, planned_date, time_zone,"
            " opens_at, closes_at, late_until, required, optional)"
            " values ('EB-TEST', '1', $1, $2, $3, 'Asia/Shanghai', $4, $5, $6, $7, '{}') returning slot_id",
            code, json.dumps({"zh": "基线期", "en": "Baseline"}), (opens_at + timedelta(hours=8)).date(),
            opens_at, closes_at, closes_at + timedelta(hours=1), list(required),
        )  # fmt: skip
        return slot

    async def add_visit(
        self,
        patient_id: str,
        visit_id: str,
        slot_id: int,
        forms: dict[str, tuple[datetime, datetime]] | None = None,
        cancelled_at: datetime | None = None,
        sealed_at: datetime | None = None,
    ) -> None:
        """A visit, with (recorded, received) per instrument that is in. ``sealed_at`` None: as of old."""
        kept = {
            name: {
                "reportId": str(uuid4()),
                "recordedAt": recorded.isoformat(),
                "receivedAt": received.isoformat(),
            }
            for name, (recorded, received) in (forms or {}).items()
        }
        await self.owner.execute(
            "insert into visits (patient_id, visit_id, slot_id, site_id, forms, cancelled_at)"
            " values ($1, $2, $3, 'S-01', $4, $5)",
            patient_id, visit_id, slot_id, json.dumps(kept) if kept else None, cancelled_at,
        )  # fmt: skip
        for form in kept.values():
            offset, self.next_offset = self.next_offset, self.next_offset + 1
            await self.owner.execute(
                "insert into report_ids values ($1, $2, 3, $3, 1, $4, '\\x00')",
                patient_id, UUID(form["reportId"]), offset, datetime.fromisoformat(form["receivedAt"]),
            )  # fmt: skip
            await self.owner.execute(
                "insert into seals values (1, 3, $1, $1, '\\x00', '\\x00', 'k1', $2)", offset, sealed_at
            )

    async def add_report(
        self, patient_id: str, report_id: UUID, disposition: str = "accepted", reason: str | None = None,
        owns: bool = True, amends: UUID | None = None,
    ) -> int:  # fmt: skip
        """A ledger row in partition 3 as the worker would write it; its offset."""
        offset, self.next_offset = self.next_offset, self.next_offset + 1
        received = NOW + timedelta(seconds=offset)
        await self.owner.execute(
            "insert into ledger (received_at, stream_id, kafka_partition, kafka_offset, disposition, reason,"
            " patient_id, report_id) values ($1, 1, 3, $2, $3, $4, $5, $6)",
            received, offset, disposition, reason, patient_id, report_id,
        )  # fmt: skip
        if owns:
            await self.owner.execute(
                "insert into report_ids values ($1, $2, 3, $3, 1, $4, '\\x00')",
                patient_id, report_id, offset, received,
            )  # fmt: skip
        if amends is not None:
            await self.owner.execute(
                "insert into amendments values ($1, $2, $3)", patient_id, amends, report_id
            )
        await self.owner.execute("update offsets set next_offset = $1", self.next_offset)
        return offset


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


@pytest.fixture
async def world(database: Database, owner: asyncpg.Connection) -> AsyncIterator[World]:
    """Study EB-TEST with sites S-01 and S-02, staff, patients P-1 and P-2 there, and the API."""
    clock = Clock()
    keys = key_ring("k1", {"k1": secrets.token_bytes(32)})
    metrics = Metrics(CollectorRegistry())
    passwords = PasswordThreads(2, 8, metrics, QUICK)
    async with open_database(database.role("eightbells_api"), 5, 5000) as pool:
        rules = LoginRules(5, 900, 60)
        services = Services(pool, keys, passwords, metrics, rules, clock, ACTION_SEAL_KEYS)
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            made = World(client, owner, keys, clock, services)
            await _seed(made)
            yield made
    passwords.close()


async def _seed(world: World) -> None:
    title = json.dumps({"zh": "试验", "en": "Trial"})
    await world.owner.execute("insert into studies values ('EB-TEST', 'training', $1, $2)", title, NOW)
    for site in ("S-01", "S-02"):
        await world.owner.execute("insert into sites values ($1, 'EB-TEST', $1, 'Asia/Shanghai')", site)
    await world.add_user("dr.chen", "doctor", ("S-01",))
    await world.add_user("coord.all", "doctor", ("S-01", "S-02"))
    await world.add_user("admin", "admin")
    await world.add_patient("P-1", "S-01")
    await world.add_patient("P-2", "S-02")
    stream = await world.owner.fetchval(
        "insert into streams (cluster_id, topic_id, topic) values ('c', $1, 'epro.reports.v1')"
        " returning stream_id",
        uuid4(),
    )
    await world.owner.execute("insert into offsets values ($1, 3, 0, 0, '\\x00')", stream)


async def log_in(world: World, username: str = "dr.chen", password: str = PASSWORD) -> httpx.Response:
    return await world.client.post("/login", json={"username": username, "password": password})


async def refresh(world: World, token: str) -> httpx.Response:
    return await world.client.post(REFRESH, json={"refreshToken": token})


async def profile(world: World, headers: dict[str, str] | list[tuple[str, str]]) -> httpx.Response:
    return await world.client.get(PROFILE, headers=headers)


def error(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["error"] == body["title"]
    assert body["status"] == answer.status_code
    return answer.status_code, body["error"]
