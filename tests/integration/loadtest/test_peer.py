"""The peer is an honest one: it checks what the gateway checks, and its receipts are true."""

import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from fastapi import FastAPI

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, Claims, issue
from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.topics import TopicSpec
from loadtest.peers.fastapi.app import application
from loadtest.peers.fastapi.settings import Settings
from tests.conftest import Services

KEY = bytes(range(32))
RING = KeyRing("k1", {"k1": KEY})


@pytest.fixture
async def peer(services: Services, topic: TopicSpec, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"current": "k1", "keys": {"k1": base64.urlsafe_b64encode(KEY).decode()}}))
    settings = Settings(
        kafka_bootstrap=services.kafka, port=0, token_keys_file=keys, reports_topic=topic.name, host=""
    )
    app: FastAPI = application(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://peer") as client,
    ):
        yield client


def token(ring: KeyRing = RING, **changes: object) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    fields: dict[str, object] = {
        "userId": "u-P-1",
        "role": "patient",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid.uuid4()),
        "sid": str(uuid.uuid4()),
        "patientId": "P-1",
        "studyId": "S",
        "siteId": "S-1",
    }
    return {"Authorization": f"Bearer {issue(Claims(**{**fields, **changes}), ring)}"}  # type: ignore[arg-type]


def report(**changes: object) -> bytes:
    fields = {
        "reportId": str(uuid.uuid4()),
        "patientId": "P-1",
        "instrument": "daily-symptoms",
        "instrumentVersion": "1.0",
        "recordedAt": "2026-11-22T08:00:03+08:00",
        "timeZone": "Asia/Shanghai",
        "answers": {"pain": 3, "temperature": 36.8, "note": None, "where": ["head"]},
    }
    return json.dumps({**fields, **changes}).encode()


async def post(peer: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await peer.post(
        "/api/v1/reports", content=body, headers={"Content-Type": "application/json", **headers}
    )


async def test_a_receipt_names_the_record_with_the_exact_bytes(
    peer: httpx.AsyncClient, services: Services, topic: TopicSpec
) -> None:
    body = report()
    response = await post(peer, body, token())
    assert response.status_code == 202
    answer = response.json()
    receipt = answer["receipt"]
    assert (answer["reportId"], answer["status"]) == (json.loads(body)["reportId"], "accepted")
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["partition"] == partition_for("P-1", topic.partitions)
    consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka)
    await consumer.start()
    try:
        partition = TopicPartition(topic.name, receipt["partition"])
        consumer.assign([partition])
        consumer.seek(partition, receipt["offset"])
        record = await consumer.getone()
    finally:
        await consumer.stop()
    assert (record.key, record.value) == (b"P-1", body)
    assert {name for name, _ in record.headers} == {"userId", "role", "sentAt"}


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ({}, "Authorization header is missing"),
        ({"Authorization": "Basic x"}, "Invalid token format"),
        ({"Authorization": "Bearer a.b.c"}, "Invalid token"),
        (token(KeyRing("k1", {"k1": bytes(range(1, 33))})), "Invalid token"),
        (token(exp=1), "Invalid token"),
        (token(aud="others"), "Invalid token"),
    ],
    ids=["none", "basic", "nonsense", "other key", "expired", "audience"],
)
async def test_a_token_is_verified(peer: httpx.AsyncClient, headers: dict[str, str], title: str) -> None:
    response = await post(peer, report(), headers)
    assert (response.status_code, response.json()["error"]) == (401, title)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (report(extra=1), 422),
        (report(reportId="x"), 422),
        (report(timeZone="Mars/Olympus"), 422),
        (report(recordedAt="2026-11-22T08:00:03"), 422),
        (report(recordedAt="1999-11-22T08:00:03Z"), 422),
        (report(patientId=7), 422),
        (report(answers={"a": {"b": 1}}), 422),
        (report(answers={"a": "\0"}), 422),
        (report(patientId="P-2"), 403),
        (report(studyId="T"), 403),
    ],
)
async def test_a_report_is_checked(peer: httpx.AsyncClient, body: bytes, status: int) -> None:
    response = await post(peer, body, token())
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
