"""The gateway as a process, on a real Kafka: starting, refusing to start, losing Kafka, stopping."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ingest_gateway.contracts.topics import TopicSpec
from tests.conftest import Services
from tests.gateways import KEYS, Answer, Wire, bearer, report, request
from tests.integration.ingest_gateway.log import everything_in
from tests.ports import free_port
from tests.waiting import PATIENCE_S, patiently, until


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """The keys the tests' tokens are signed with."""
    file = tmp_path / "token-keys.json"
    keys = {kid: base64.urlsafe_b64encode(key).decode().rstrip("=") for kid, key in KEYS.keys.items()}
    file.write_text(json.dumps({"current": KEYS.current, "keys": keys}))
    file.chmod(0o600)
    return file


@dataclass
class Process:
    """A gateway process and its two ports."""

    process: asyncio.subprocess.Process
    port: int
    admin: str

    async def connect(self) -> Wire:
        return Wire(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, data: bytes) -> Answer:
        wire = await self.connect()
        await wire.send(data)
        try:
            return await wire.answer()
        finally:
            await wire.close()

    async def until_readyz(self, status: int) -> str:
        async with patiently(), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"{self.admin}/readyz")
                    if answer.status_code == status:
                        return answer.text
                await asyncio.sleep(0.05)

    async def until_confirmed(self, reports: int) -> None:
        """Wait until Kafka has confirmed so many, whether or not their senders are there to hear it."""
        line = f"eightbells_gateway_batch_reports_sum {float(reports)}"
        async with patiently(), httpx.AsyncClient(timeout=PATIENCE_S) as client:
            while line not in (await client.get(f"{self.admin}/metrics")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def gateway_process(keys: Path, kafka: str, topic: str, **environment: str) -> AsyncIterator[Process]:
    port, admin_port = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest_gateway",
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP": kafka,
            "EIGHTBELLS_PORT": str(port),
            "EIGHTBELLS_ADMIN_PORT": str(admin_port),
            "EIGHTBELLS_TOKEN_KEYS_FILE": str(keys),
            "EIGHTBELLS_REPORTS_TOPIC": topic,
            **environment,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process, port, f"http://127.0.0.1:{admin_port}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def refusal_of(**environment: str) -> tuple[int, str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith("EIGHTBELLS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ingest_gateway", env={**base, **environment}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, said.decode()


def with_key(file: Path, key: str, mode: int = 0o600) -> Path:
    file.write_text(json.dumps({"current": "k", "keys": {"k": key}}))
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: file, "cannot be read"),
        (lambda file: with_key(file, "c2hvcnQ"), "shorter than 32 bytes"),
        (lambda file: with_key(file, "c2VjcmV0" * 8), "example"),
        (lambda file: with_key(file, "A" * 43, 0o644), "other users"),
    ],
    ids=["missing", "short", "an example's", "readable by others"],
)
async def test_an_unsafe_signing_key_stops_it_with_one_line(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    file = make(tmp_path / "keys.json")
    code, said = await refusal_of(KAFKA_BOOTSTRAP="127.0.0.1:9", EIGHTBELLS_TOKEN_KEYS_FILE=str(file))
    assert code == 2
    assert reason in said
    assert said.count("\n") == 1


async def test_missing_settings_are_named(keys_file: Path) -> None:
    code, said = await refusal_of(EIGHTBELLS_TOKEN_KEYS_FILE=str(keys_file), KAFKA_BOOTSTRAP="")
    assert code == 2
    assert "KAFKA_BOOTSTRAP" in said


async def test_a_topic_with_other_partitions_stops_it(
    services: Services, topic: TopicSpec, keys_file: Path
) -> None:
    async with gateway_process(keys_file, services.kafka, topic.name, EIGHTBELLS_PARTITIONS="7") as gateway:
        _, said = await asyncio.wait_for(gateway.process.communicate(), PATIENCE_S)
        assert gateway.process.returncode == 2
        assert b"12 partitions, not 7" in said


async def test_reports_from_many_connections_are_all_kept(
    services: Services, topic: TopicSpec, keys_file: Path
) -> None:
    async with gateway_process(keys_file, services.kafka, topic.name) as gateway:
        await gateway.until_readyz(200)
        bodies = [report(f"P-{n:06}") for n in range(300)]

        async def send(n: int) -> Answer:
            return await gateway.ask(request(bodies[n], authorization=bearer(f"P-{n:06}")))

        answers = await asyncio.gather(*(send(n) for n in range(300)))
        assert {answer.status for answer in answers} == {202}
        places = {
            (receipt["partition"], receipt["offset"])
            for receipt in (answer.json["receipt"] for answer in answers)
            if isinstance(receipt, dict)
        }
        assert len(places) == 300
        assert sorted(await everything_in(services.kafka, topic)) == sorted(bodies)


async def test_sigterm_under_load_answers_all_that_was_taken(
    services: Services, topic: TopicSpec, keys_file: Path
) -> None:
    async with gateway_process(
        keys_file,
        services.kafka,
        topic.name,
        EIGHTBELLS_DRAIN_DELAY="0.3",
        EIGHTBELLS_PATIENT_BURST="1000000",
    ) as gateway:
        await gateway.until_readyz(200)
        accepted: list[bytes] = []
        unanswered: list[bytes] = []

        async def client() -> None:
            wire = await gateway.connect()
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    body = report()
                    unanswered.append(body)
                    await wire.send(request(body))
                    answer = await wire.answer()
                    unanswered.remove(body)
                    assert answer.status == 202
                    accepted.append(body)
            await wire.close()

        clients = [asyncio.create_task(client()) for _ in range(40)]
        await until(lambda: len(accepted) > 200)
        gateway.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)
        assert await asyncio.wait_for(gateway.process.wait(), PATIENCE_S) == 0
        kept = await everything_in(services.kafka, topic)
        assert set(accepted) <= set(kept)
        assert len(kept) == len(set(kept))
        assert set(kept) <= set(accepted) | set(unanswered)


async def test_a_client_that_hangs_up_loses_nothing(
    services: Services, topic: TopicSpec, keys_file: Path
) -> None:
    async with gateway_process(keys_file, services.kafka, topic.name, EIGHTBELLS_LINGER_MS="100") as gateway:
        await gateway.until_readyz(200)
        bodies = [report() for _ in range(20)]
        for body in bodies:
            wire = await gateway.connect()
            await wire.send(request(body))
            await asyncio.sleep(0.005)
            wire.writer.transport.abort()
        await gateway.until_confirmed(len(bodies))
        gateway.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(gateway.process.wait(), PATIENCE_S) == 0
        assert sorted(await everything_in(services.kafka, topic)) == sorted(bodies)


async def test_without_kafka_it_waits_refuses_quickly_and_stops_cleanly(keys_file: Path) -> None:
    async with gateway_process(keys_file, f"127.0.0.1:{free_port()}", "anything") as gateway:
        assert "Kafka" in await gateway.until_readyz(503)
        answer = await gateway.ask(request(report()))
        assert answer.status == 503
        assert "retry-after" in answer.headers
        gateway.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(gateway.process.wait(), PATIENCE_S) == 0
