"""What the benchmark makes of its measurements."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.bench.measured import NotMeasurable, cpu_seconds, free_port
from deploy.bench.pace import Pace, measure_pace
from deploy.bench.page import document, page
from deploy.bench.profiles import Line, Profile, profiled, read_profile
from deploy.bench.run import Result
from deploy.bench.versus import SHAPES, Comparison, Spread, spread, synthetic_assignments
from deploy.bench.whole_way import WholeWay
from ingest_gateway.auth.keys import key_ring
from ingest_gateway.auth.tokens import verify
from loadtest.burst import utc_now

WORK = "import time\nwhile time.process_time() < {seconds}: pass\n"


def comparison(ratio: float) -> Comparison:
    return Comparison(
        shape=SHAPES[0],
        reports=5_000,
        rounds=3,
        cpu_us={"gateway": Spread(30.0, 29.0, 33.5), "peer": Spread(600.0, 590.0, 640.0)},
        p50_ms={"gateway": 5.0, "peer": 900.0},
        ratio=Spread(ratio, ratio, ratio),
    )


def whole_way(total: float) -> WholeWay:
    return WholeWay(
        reports=5_000,
        rounds=3,
        over=2.5,
        cpu_us={"gateway": Spread(30.0, 29.0, 31.0), "kafka-1": Spread(40.0, 39.0, 41.0)},
        idle_us={"gateway": 0.5, "kafka-1": 4.0},
        total_us=Spread(total, total, total),
        client_us=35.0,
        p50_ms=6.0,
        p99_ms=20.0,
    )


def test_a_spread_is_median_lowest_and_highest() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


@pytest.mark.parametrize(("ratio", "total", "says"), [(0.12, 110.0, "met"), (0.121, 110.1, "not met here")])
def test_goals_are_stated_with_whether_they_are_met(ratio: float, total: float, says: str) -> None:
    profile = Profile("worker", 10, [Line("stream_workers/reports/validate.py:1 judge", 5.0, 9.0, 1.0)])
    result = Result(Pace(80.0), [comparison(ratio)], whole_way(total), [profile])
    lines = list(page(result))
    assert [line for line in lines if line.startswith("  goal:")] == [
        f"  goal: a ratio of at most 0.12, {SHAPES[0].name}: {says}",
        f"  goal: at most 110 µs: {says}",
    ]
    assert any(line.startswith("  kafka-1") for line in lines)
    assert any("80 µs here and now, 2.0 times" in line for line in lines)
    read = document(result)
    assert read["versus"][0]["met"] is read["wholeWay"]["met"] is (says == "met")


def test_cpu_time_is_of_the_process_and_its_children_dead_or_alive() -> None:
    """A child that is waited for counts as its parent's; one that lives is looked up."""
    family = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORK.format(seconds=0.2)!r}])\n"
        f"child = subprocess.Popen([sys.executable, '-c', {WORK.format(seconds=0.2)!r} + 'input()'],"
        " stdin=subprocess.PIPE)\n"
        f"{WORK.format(seconds=0.2)}print('done', flush=True)\ninput()\nchild.communicate(b'x')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", family], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"done\n"
        deadline = time.monotonic() + 30
        while cpu_seconds(parent.pid) < 0.5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert cpu_seconds(parent.pid) >= 0.5, "two of the three alone come to 0.4"
    finally:
        parent.communicate(b"\n", timeout=10)


def test_a_process_that_is_gone_is_said_so() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(NotMeasurable, match="gone"):
        cpu_seconds(ended.pid)


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_made_up_patients_have_valid_tokens_of_their_own() -> None:
    keys = key_ring("k1", {"k1": bytes(range(32))})
    now = utc_now()
    made = synthetic_assignments(3, keys, now)
    claims = [verify(one.token, keys, now.timestamp()) for one in made]
    assert [one.patientId for one in claims] == [one.patientId for one in made]
    assert len({one.jti for one in claims}) == 3


def test_the_pace_is_the_median_of_its_rounds() -> None:
    keys = key_ring("k1", {"k1": bytes(range(32))})
    now = utc_now()
    clock = iter([0.0, 0.02, 1.0, 1.03, 2.0, 2.04, 3.0, 3.5, 4.0, 4.01])
    pace = measure_pace(synthetic_assignments(1, keys, now)[0], keys, now.timestamp(), lambda: next(clock))
    assert (pace.token_us, pace.slowness) == (60.0, 1.5)


def test_a_profile_begins_when_the_process_is_ready_and_counts_reports(tmp_path: Path) -> None:
    (tmp_path / "worked.py").write_text(
        "import os, signal\n"
        "def before(): pass\n"
        "def decode_report(): return sorted(range(100))\n"
        "before()\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "for _ in range(50): decode_report()\n"
        "raise SystemExit(0)\n"
    )
    output = tmp_path / "profile"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, *profiled("worked", output)], env=environment, check=True)
    profile = read_profile("worked", output)
    functions = {line.function.rpartition(" ")[2]: line.calls for line in profile.lines}
    assert profile.reports == 50
    assert functions["decode_report"] == 1.0
    assert "before" not in functions
