"""The doctor, on a whole stack: a report gets through, or the part that is broken is named."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.state import running_stack

EIGHTBELLS = Path(sys.executable).with_name("eightbells")
STUDY = Path(__file__).parents[3] / "deploy" / "demo" / "study.yaml"

pytestmark = pytest.mark.xdist_group("doctor")  # one stack, examined in this order


def eightbells(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EIGHTBELLS, *arguments, "--data", data],
        capture_output=True, text=True, timeout=150, env={k: os.environ[k] for k in ("HOME", "PATH")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a whole running stack."""
    made = tmp_path_factory.mktemp("doctor")
    try:
        up = eightbells("up", "--detach", data=made)
        assert up.returncode == 0, up.stderr
        yield made
    finally:
        eightbells("down", data=made)
        eightbells("reset", "--yes", data=made)


def examine(data: Path, *arguments: str, ok: bool = True) -> dict[str, list[Any]]:
    """The doctor's checks, by part."""
    done = eightbells("doctor", "--json", *arguments, data=data)
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (0 if ok else 1, ok), done.stdout
    found: dict[str, list[Any]] = {}
    for check in told["checks"]:
        found.setdefault(check["part"], []).append(check)
    return found


def test_a_fresh_start_is_logged_once_by_each_process_and_without_an_error(data: Path) -> None:
    for part in ("gateway", "worker", "relay", "api"):
        lines = [json.loads(line) for line in (data / "logs" / f"{part}.log").read_text().splitlines()]
        assert [line["event"] for line in lines if line["event"] == "started"] == ["started"]
        assert not [line for line in lines if line["level"] == "error" or line["logger"] == "uvicorn.error"]


def test_without_a_study_it_checks_what_can_be_checked_and_says_so(data: Path) -> None:
    checks = examine(data)
    assert "No study was applied" in checks["report"][0]["text"]
    said = eightbells("doctor", data=data).stdout
    assert "All is well" not in said
    assert "one was not sent: No study was applied yet. Apply one: `eightbells study apply" in said
    assert {"kafka", "topics", "postgres", "gateway", "worker", "relay", "api"} < set(checks)


def test_a_report_gets_through_every_time_it_is_asked(data: Path) -> None:
    assert eightbells("study", "apply", str(STUDY), data=data).returncode == 0
    for _ in range(2):
        checks = examine(data)
        assert checks["gateway"][-1]["text"].startswith("accepted a report")
        assert checks["worker"][-1]["text"].startswith("projected it")
        assert checks["relay"][-1]["text"].startswith("numbered")
    assert eightbells("verify", data=data).returncode == 0
    assert eightbells("doctor", data=data).stdout.endswith("All is well.\n")


def test_nothing_synthetic_goes_into_a_production_study(data: Path, tmp_path: Path) -> None:
    study = yaml.safe_load(STUDY.read_text(encoding="utf-8"))
    site = {"id": "S-91", "timeZone": "Europe/Berlin", "name": "Klinik"}
    study.update(studyId="EB-PROD", purpose="production", sites=[site])
    file = tmp_path / "production.yaml"
    file.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    assert eightbells("study", "apply", str(file), data=data).returncode == 0
    assert "in production" in examine(data, "--study", "EB-PROD")["report"][0]["text"]


def test_a_worker_that_hangs_is_named(data: Path) -> None:
    worker = running_stack(data).processes["worker"].pid
    os.kill(worker, signal.SIGSTOP)
    try:
        checks = examine(data, "--study", "EB-DEMO", ok=False)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert not checks["worker"][0]["ok"]
    assert "eightbells logs worker" in checks["worker"][0]["hint"]
    assert "worker comes first" in checks["report"][0]["text"]
