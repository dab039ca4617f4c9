"""One benchmark from start to end: a stack of its own in a temporary directory, measured and removed."""

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from deploy.bench.measured import free_port, running
from deploy.bench.pace import pace_of
from deploy.bench.profiles import Profile, profiled, read_profile
from deploy.bench.shapes import SHAPES
from deploy.bench.versus import PARTITIONS, Comparison, compare, synthetic_assignments, until_ready
from deploy.bench.whole_way import WholeWay, measure
from deploy.cli.stack import reset
from deploy.demo.stage import (
    EVENING,
    MORNING,
    apply_demo_study,
    assignments,
    enrol_demo_patients,
    stop_stack,
)
from deploy.local.announce import console
from deploy.local.detached import start_detached
from deploy.local.plan import Options
from deploy.local.state import Stack, database_url, running_stack, seal_keys_file, token_keys_file
from ingest_gateway.auth.keys import load_keys
from loadtest.burst import Clock, Plan, committed, send_burst
from loadtest.client import Patience
from loadtest.reports import Assignment
from loadtest.wire import loopback_target

BASELINE: Final = "baseline"
PYTHON: Final = f"Python {platform.python_version()} ({platform.python_compiler()})"

Tell = Callable[[str], None]


class Asked(msgspec.Struct, frozen=True):
    """Reports a round, rounds that count, and whether profiles are wanted."""

    reports: int
    rounds: int
    profile: bool


class Result(msgspec.Struct, frozen=True):
    """Everything that was measured, and with which Python: one built without optimisation is far slower."""

    python: str
    versus: list[Comparison]
    whole_way: list[WholeWay]
    profiles: list[Profile]


@contextmanager
def temporary_stack() -> Iterator[Stack]:
    """A stack in a directory of its own; stopped and deleted at the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="eightbells-bench-") as directory:
        Path(directory).chmod(0o711)  # the database may run as another user, who has to reach its data
        data = Path(directory) / "stack"
        try:
            start_detached(Options(data), console())
            yield running_stack(data)
        finally:
            with redirect_stdout(sys.stderr):  # what is measured is all that scripts want to read
                stop_stack(data)
                if data.exists():
                    reset.main(["--data", str(data), "--yes"], standalone_mode=False)


async def measure_all(stack: Stack, asked: Asked, clock: Clock, tell: Tell) -> Result:
    """Measure everything on a fresh stack.

    Raises:
        NotMeasurable: something did not start, or reports did not get through.
    """
    data = Path(stack.dataDir)
    keys_file = token_keys_file(data)
    keys, now = load_keys(keys_file), clock()
    pace = pace_of(synthetic_assignments(1, keys, now)[0].token, keys, now.timestamp())
    log = os.open(data / "logs" / "bench.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        versus = await compare(stack.kafka, keys_file, keys, asked.reports, asked.rounds, clock, log, tell)
        bursts = iter(await _bursts(data, asked, clock, tell))
        whole = [
            await measure(stack, shape, list(islice(bursts, asked.rounds + 1)), pace, clock, tell)
            for shape in SHAPES
        ]
        profiles = await _profiles(stack, next(bursts), clock, log, tell) if asked.profile else []
    finally:
        os.close(log)
    return Result(PYTHON, versus, whole, profiles)


async def _bursts(data: Path, asked: Asked, clock: Clock, tell: Tell) -> list[list[Assignment]]:
    """Whose reports each round sends, no visit twice.

    For each shape one round more than counts, which warms up, and one round for the profiles. The very first
    answers another instrument than all the others.
    """
    diaries = len(SHAPES) * (asked.rounds + 1) - 1 + asked.profile
    targets = [(0, BASELINE), *((number // 2, (MORNING, EVENING)[number % 2]) for number in range(diaries))]
    patients = asked.reports * (targets[-1][0] + 1)
    study = await apply_demo_study(data, clock())
    tell(f"enrolling {patients:,} patients")
    await enrol_demo_patients(data, study, patients, clock(), lambda done, total: None)
    bursts = []
    for cohort, visit_code in targets:
        until = asked.reports * (cohort + 1)
        bursts.append((await assignments(data, study, until, visit_code, clock()))[-asked.reports :])
    return bursts


async def _profiles(
    stack: Stack, reporters: list[Assignment], clock: Clock, log: int, tell: Tell
) -> list[Profile]:
    """A gateway and a worker beside the stack's, both profiled: the worker gets its share of partitions."""
    tell("profiling a gateway and a worker")
    data = Path(stack.dataDir)
    outputs = {part: data / "run" / f"{part}.profile" for part in ("gateway", "worker")}
    port, gateway_admin, worker_admin = free_port(), free_port(), free_port()
    common = {
        "KAFKA_BOOTSTRAP": stack.kafka,
        "EIGHTBELLS_PARTITIONS": str(PARTITIONS),
        "EIGHTBELLS_LOG_LEVEL": "WARNING",
    }
    gateway = {
        **common,
        "EIGHTBELLS_PORT": str(port),
        "EIGHTBELLS_ADMIN_PORT": str(gateway_admin),
        "EIGHTBELLS_TOKEN_KEYS_FILE": str(token_keys_file(data)),
    }
    worker = {
        **common,
        "EIGHTBELLS_ADMIN_PORT": str(worker_admin),
        "DATABASE_URL": database_url(data, "eightbells_worker"),
        "EIGHTBELLS_SEAL_KEY_FILE": str(seal_keys_file(data)),
    }
    async with (
        running(profiled("ingest_gateway", outputs["gateway"]), gateway, port, log) as gateway_pid,
        running(
            profiled("stream_workers.reports", outputs["worker"]), worker, worker_admin, log
        ) as worker_pid,
    ):
        await until_ready(f"http://127.0.0.1:{gateway_admin}")
        await until_ready(f"http://127.0.0.1:{worker_admin}")
        for pid in (gateway_pid, worker_pid):
            os.kill(pid, signal.SIGUSR1)
        plan = Plan(len(reporters) / SHAPES[-1].rate, patience=Patience(retry=True, timeout=30.0))
        target = loopback_target(f"http://127.0.0.1:{port}")
        sent = await send_burst(target, reporters, plan, clock, lambda done, total: None)
        await committed(sent, stack.database, 60.0)
    return [read_profile(part, output) for part, output in outputs.items()]
