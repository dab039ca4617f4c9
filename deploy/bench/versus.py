"""The gateway against its peer: the same reports to both, round after round, on the same broker."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from deploy.bench.measured import NotMeasurable, cpu_seconds, free_port, running
from deploy.bench.shapes import SHAPES, Shape, Spread, spread
from deploy.local.readiness import http_ready
from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import issue, patient_claims
from ingest_gateway.contracts.topics import topic_specs
from ingest_gateway.process.topics import ensure_topics
from loadtest.burst import Clock, Plan, Sent, send_burst
from loadtest.client import Patience
from loadtest.reports import Assignment
from loadtest.wire import loopback_target

GOAL: Final = 0.12
PARTITIONS: Final = 12
CONTENDERS: Final = {"gateway": "ingest_gateway", "peer": "loadtest.peers.fastapi"}
_PATIENCE: Final = Patience(retry=True, timeout=30.0, give_up=120.0)


class Comparison(msgspec.Struct, frozen=True):
    """CPU in µs for each 202, user and system, all threads; ``ratio`` is round by round, gateway to peer."""

    shape: Shape
    reports: int
    rounds: int
    cpu_us: dict[str, Spread]
    p50_ms: dict[str, float]
    ratio: Spread

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.ratio.median <= GOAL


async def compare(
    kafka: str,
    keys_file: Path,
    keys: KeyRing,
    reports: int,
    rounds: int,
    clock: Clock,
    log: int,
    tell: Callable[[str], None],
) -> list[Comparison]:
    """Run gateway and peer side by side and let them take turns.

    Raises:
        NotMeasurable: one of them did not start, or not every report got its 202.
    """
    reporters = synthetic_assignments(reports, keys, clock())
    spec = topic_specs(PARTITIONS)[0]
    async with contextlib.AsyncExitStack() as stack:
        contenders = {}
        for name, module in CONTENDERS.items():
            topic = msgspec.structs.replace(spec, name=f"epro.bench.{name}")
            await ensure_topics(kafka, [topic], 1, 1)
            port, admin = free_port(), free_port()
            environment = {
                "KAFKA_BOOTSTRAP": kafka,
                "EIGHTBELLS_PORT": str(port),
                "EIGHTBELLS_ADMIN_PORT": str(admin),
                "EIGHTBELLS_TOKEN_KEYS_FILE": str(keys_file),
                "EIGHTBELLS_REPORTS_TOPIC": topic.name,
                "EIGHTBELLS_PARTITIONS": str(PARTITIONS),
                "EIGHTBELLS_LOG_LEVEL": "WARNING",
            }
            pid = await stack.enter_async_context(running(["-m", module], environment, port, log))
            if name == "gateway":
                await until_ready(f"http://127.0.0.1:{admin}")
            contenders[name] = (pid, f"http://127.0.0.1:{port}")
        return [await _one_shape(shape, contenders, reporters, rounds, clock, tell) for shape in SHAPES]


async def until_ready(admin: str, within: float = 30.0) -> None:
    """Wait until a process of ours says that it is ready.

    Raises:
        NotMeasurable: with its own reason.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while reason := await http_ready(admin):
        if loop.time() >= until:
            raise NotMeasurable(f"{admin} is not ready: {reason}.")
        await asyncio.sleep(0.1)


async def _one_shape(
    shape: Shape,
    contenders: dict[str, tuple[int, str]],
    reporters: Sequence[Assignment],
    rounds: int,
    clock: Clock,
    tell: Callable[[str], None],
) -> Comparison:
    """The first round warms up and is not counted."""
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    latencies: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, (pid, url) in contenders.items():
            before = cpu_seconds(pid)
            sent = await _burst(url, reporters, shape, number, clock)
            cost = (cpu_seconds(pid) - before) / len(reporters) * 1e6
            if number:
                costs[name].append(cost)
                latencies[name].append(sent.latency.p50 if sent.latency else 0.0)
            tell(f"{shape.name}, round {number or 'to warm up'}: {name} {cost:.1f} µs a report")
    gateway, peer = (costs[name] for name in CONTENDERS)
    return Comparison(
        shape=shape,
        reports=len(reporters),
        rounds=rounds,
        cpu_us={name: spread(values) for name, values in costs.items()},
        p50_ms={name: round(median(values), 1) for name, values in latencies.items()},
        ratio=spread([one / other for one, other in zip(gateway, peer, strict=True)]),
    )


async def _burst(url: str, reporters: Sequence[Assignment], shape: Shape, seed: int, clock: Clock) -> Sent:
    plan = Plan(len(reporters) / shape.rate, patience=_PATIENCE, pool=256, seed=seed)
    sent = await send_burst(loopback_target(url), reporters, plan, clock, lambda done, total: None)
    if sent.interrupted:
        raise asyncio.CancelledError
    if sent.accepted != len(reporters):
        raise NotMeasurable(f"Only {sent.accepted} of {len(reporters)} reports got their 202: {sent.errors}.")
    return sent


def synthetic_assignments(reports: int, keys: KeyRing, now: datetime) -> list[Assignment]:
    """Reports of made-up patients, each with a signed token of its own; nobody looks for them afterwards."""
    made = []
    for number in range(1, reports + 1):
        patient_id = f"P-{number:06d}"
        claims = patient_claims(patient_id, f"u-{patient_id}", "EB-DEMO", "S-01", now)
        made.append(
            Assignment(
                patientId=patient_id,
                studyId="EB-DEMO",
                siteId="S-01",
                timeZone="Asia/Shanghai",
                visitId="V-0001",
                instrument="daily-symptoms",
                instrumentVersion="1.0",
                token=issue(claims, keys),
                opensAt=now - timedelta(hours=3),
                closesAt=now,
            )
        )
    return made
