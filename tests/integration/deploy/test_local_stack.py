"""The local stack as its operator has it: started, killed, started again, stopped, and nothing left over."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.readiness import broker_count
from deploy.local.state import owner_url, read_record
from ingest_gateway.contracts.topics import REPORTS, topic_specs
from ingest_gateway.process.topics import MIN_INSYNC_REPLICAS, check_topic

EIGHTBELLS = Path(sys.executable).with_name("eightbells")


class Operator:
    """Runs ``eightbells`` for one data directory, in an environment with next to nothing in it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [EIGHTBELLS, *arguments, "--data", self.data],
            capture_output=True, text=True, timeout=150, env=self.environment,
        )  # fmt: skip
        assert done.returncode == expect, f"{arguments}\n{done.stdout}{done.stderr}"
        return done

    def up(self, *arguments: str) -> None:
        self.run("up", "--detach", *arguments)

    def status(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.run("status", "--json").stdout)

    def pid(self, part: str) -> int:
        return int(self.status()["processes"][part]["pid"])

    def family(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        supervisor = psutil.Process(self.status()["supervisor"])
        return [supervisor, *supervisor.children(recursive=True)]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """Whatever the test did, nothing of it stays."""
    made = Operator(tmp_path / "stack")
    yield made
    record = read_record(made.data)
    if record is not None:
        made.run("down")
    if made.data.exists():
        made.run("reset", "--yes")


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_killed_supervisor_leaves_nothing_that_the_next_up_does_not_clean(operator: Operator) -> None:
    operator.up("--parts", "postgres")
    family = operator.family()
    os.kill(family[0].pid, signal.SIGKILL)
    wait_until(lambda: gone(family[0]))
    operator.run("status", expect=3)
    operator.up("--parts", "postgres")
    assert all(gone(process) for process in family)
    assert operator.status()["processes"]["postgres"]["restarts"] == 0


def test_a_killed_postmaster_comes_back_and_what_was_committed_is_there(operator: Operator) -> None:
    operator.up("--parts", "postgres")
    url = operator.status()["database"]
    assert "eightbells_reader" in url
    killed = operator.pid("postgres")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: "back after" in (operator.data / "logs" / "supervisor.log").read_text())
    process = operator.status()["processes"]["postgres"]
    assert process["restarts"] == 1
    assert process["pid"] != killed
    operator.run("migrate")


async def test_of_two_stacks_side_by_side_one_ends_within_15_seconds_of_a_signal_and_leaves_the_other(
    operator: Operator, tmp_path: Path
) -> None:
    other = Operator(tmp_path / "other")
    operator.up("--parts", "kafka,postgres")
    other.up("--parts", "kafka,postgres")
    try:
        first, second = operator.status(), other.status()
        assert first["kafka"] != second["kafka"]
        assert await broker_count(first["kafka"]) == await broker_count(second["kafka"]) == 1
        for stack in (operator, other):
            connection = await asyncpg.connect(owner_url(stack.data))
            await connection.close()
        other.run("reset", "--yes", expect=1)
        again = operator.run("up")
        assert "already running" in again.stderr
        ended = other.family()
        ended[0].send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(ended, timeout=15)
        assert [process for process in alive if not gone(process)] == []
        assert not (other.data / "stack.json").exists()
    finally:
        if read_record(other.data):
            other.run("down")
        other.run("reset", "--yes")
    other.run("down", expect=3)
    assert operator.status()["kafka"] == first["kafka"]


def test_interrupted_while_it_starts_it_leaves_nothing(operator: Operator) -> None:
    command = [str(EIGHTBELLS), "up", "--parts", "kafka,postgres", "--data", str(operator.data)]
    up = subprocess.Popen(command, env=operator.environment, stderr=subprocess.PIPE, text=True)
    wait_until((operator.data / "stack.json").exists)
    children = psutil.Process(up.pid).children(recursive=True)
    up.send_signal(signal.SIGINT)
    _, said = up.communicate(timeout=15)
    assert up.returncode == 130
    assert "Interrupted before everything was ready" in said
    assert all(gone(process) for process in children)


def test_stopped_from_elsewhere_while_it_starts_a_detached_start_says_so(operator: Operator) -> None:
    command = [str(EIGHTBELLS), "up", "--detach", "--parts", "postgres", "--data", str(operator.data)]
    up = subprocess.Popen(command, env=operator.environment, stderr=subprocess.PIPE, text=True)
    wait_until((operator.data / "stack.json").exists)
    operator.run("down")
    _, said = up.communicate(timeout=60)
    assert up.returncode == 130
    assert said.endswith("Error: Interrupted before everything was ready; nothing was left running.\n")


async def test_three_brokers_keep_three_copies_and_do_without_one(operator: Operator) -> None:
    operator.up("--parts", "kafka", "--brokers", "3")
    kafka = operator.status()["kafka"]
    assert await broker_count(kafka) == 3
    [reports] = [spec for spec in topic_specs(12) if spec.name == REPORTS]
    await check_topic(kafka, reports, min_insync=2)
    os.kill(operator.pid("kafka-2"), signal.SIGKILL)
    wait_until(lambda: "back after" in (operator.data / "logs" / "supervisor.log").read_text())
    assert await broker_count(kafka) == 3
    refused = operator.run("up", "--brokers", "1", expect=0)  # it runs already: said, and shown
    assert "already running" in refused.stderr


async def test_a_topic_of_an_older_version_is_refused_with_the_way_out(operator: Operator) -> None:
    operator.up("--parts", "kafka")
    [reports] = [spec for spec in topic_specs(12) if spec.name == REPORTS]
    older = {**reports.settings, MIN_INSYNC_REPLICAS: "1", "compression.type": "producer"}
    admin = AIOKafkaAdminClient(bootstrap_servers=operator.status()["kafka"])
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, REPORTS, older)])
    finally:
        await admin.close()
    operator.run("down")
    refused = operator.run("up", "--detach", "--parts", "kafka", expect=1).stderr
    assert "compression.type is producer, not uncompressed" in refused
    assert f"eightbells reset --data {operator.data}" in refused


def test_data_outlives_a_stop_a_taken_port_is_replaced_and_reset_removes_all(operator: Operator) -> None:
    operator.up("--parts", "postgres")
    before = urlsplit(operator.status()["database"])
    kept = [note for note in operator.status()["notes"] if note.startswith("PostgreSQL's data is in")]
    elsewhere = [Path(note.split()[4].rstrip(":")).parent for note in kept]
    operator.run("down")
    with socket.create_server((str(before.hostname), int(before.port or 0))):
        told = operator.run("up", "--detach", "--parts", "postgres").stdout
        after = urlsplit(operator.status()["database"])
    assert after.password == before.password
    assert after.port != before.port
    assert f"Ports were taken, so these moved: postgres {before.port} → {after.port}." in told
    operator.run("down")
    operator.run("reset", "--yes")
    assert not operator.data.exists()
    assert not any(room.exists() for room in elsewhere)
