"""A whole system as an operator has it: the command line, HTTP and SQL; nothing of ours is imported."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).parents[2]
EIGHTBELLS = Path(sys.executable).with_name("eightbells")
STUDY = ROOT / "deploy" / "demo" / "study.yaml"
SITES = {"S-01": "Asia/Shanghai", "S-11": "Asia/Kolkata", "S-21": "Europe/Berlin", "S-31": "America/New_York"}


class Installation:
    """One data directory and the ``eightbells`` command for it."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; with ``check``, its output is shown when it fails."""
        done = subprocess.run(
            [EIGHTBELLS, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "CI": "true"},
        )
        if check:
            assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def read(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """What a command prints with --json."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def enrol(self, patients: int) -> dict[str, str]:
        """Enrol so many patients over four zones, from yesterday; returns their activation codes."""
        cohort, codes = self.data / f"cohort-{patients}.csv", self.data / f"codes-{patients}.csv"
        with cohort.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["patientId", "siteId", "startDate", "username"])
            for number in range(1, patients + 1):
                site, zone = list(SITES.items())[number % len(SITES)]
                yesterday = datetime.now(ZoneInfo(zone)).date() - timedelta(days=1)
                writer.writerow([f"P-{number:06d}", site, yesterday.isoformat(), f"patient.{number:06d}"])
        self.run("enrol", str(cohort), "--codes", str(codes))
        with codes.open(newline="") as file:
            return {line["patientId"]: line["code"] for line in csv.DictReader(file)}

    def mint(self, patients: int) -> Path:
        """Tokens whose targets are the latest opened morning windows."""
        tokens = self.data / "tokens.jsonl"
        self.run(
            "tokens", "mint", "--patients", str(patients), "--out", str(tokens), "--visit-code", "diary-am"
        )
        return tokens


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running stack with the demonstration study applied, stopped and removed in the end."""
    installed = Installation(tmp_path_factory.mktemp("stack"))
    try:
        installed.run("up", "--detach")
        installed.run("study", "apply", str(STUDY))
        yield installed
    finally:
        installed.run("down", check=False)
        installed.run("reset", "--yes", check=False)
