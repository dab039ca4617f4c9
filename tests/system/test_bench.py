"""`eightbells bench` measures, says whether goals are met, and leaves nothing behind."""

import json
import os
import subprocess
from pathlib import Path

from tests.system.conftest import EIGHTBELLS


def test_a_small_benchmark_measures_every_process_and_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [EIGHTBELLS, "bench", "--reports", "200", "--rounds", "1", "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    for comparison in measured["versus"]:
        assert comparison["cpu_us"]["gateway"]["median"] > 0
        assert comparison["ratio"]["median"] > 0
    for way, offered in zip(measured["wholeWay"], measured["versus"], strict=True):
        assert way["shape"] == offered["shape"]
        assert {"gateway", "worker", "relay", "postgres", "kafka-1", "api"} <= set(way["cpu_us"])
        assert way["at_pace_us"]["median"] > 0
    assert list(tmp_path.iterdir()) == []
