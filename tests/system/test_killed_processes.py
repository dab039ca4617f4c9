"""A process is killed in the middle of a burst, and nothing that was acknowledged is lost or doubled."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests.system.conftest import EIGHTBELLS, Installation

PATIENTS = 20_000
OVER_S = 8
KILL_AFTER_S = 4
PARTS = ["gateway", "worker", "relay", "api", "kafka-1", "postgres"]


@pytest.fixture(scope="module")
def tokens(installation: Installation) -> str:
    installation.enrol(PATIENTS)
    return str(installation.mint(PATIENTS))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("part", PARTS)
def test_a_burst_survives_the_death_of(part: str, installation: Installation, tokens: str) -> None:
    before = installation.read("status")["processes"][part]
    burst = subprocess.Popen(
        [EIGHTBELLS, "loadtest", "burst", "--tokens", tokens, "--over", str(OVER_S), "--retry", "--json",
         "--data", str(installation.data)],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    time.sleep(KILL_AFTER_S)
    os.kill(before["pid"], signal.SIGKILL)
    out, _ = burst.communicate(timeout=150)
    account = json.loads(out)

    assert burst.returncode == 0, account
    assert (account["sent"], account["accepted"]) == (PATIENTS, PATIENTS)
    assert (account["lost"], account["invented"], account["doubled"]) == ([], [], [])
    proof = installation.read("verify")
    assert proof["ok"], proof["findings"]
    after = installation.read("status")["processes"][part]
    assert after["pid"] != before["pid"]
    assert after["restarts"] == before["restarts"] + 1
