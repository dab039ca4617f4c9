"""What the benchmark makes of its measurements."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.bench.measured import NotMeasurable, cpu_seconds, free_port
from deploy.bench.pace import pace_of, slowness
from deploy.bench.page import document, page
from deploy.bench.profiles import Line, Profile, profiled, read_profile
from deploy.bench.run import PYTHON, Result
from deploy.bench.shapes import SHAPES, Spread, spread
from deploy.bench.versus import Comparison, synthetic_assignments
from deploy.bench.whole_way import Round, WholeWay, whole_way
from ingest_gateway.auth.keys import key_ring
from ingest_gateway.auth.tokens import verify
from loadtest.account import latency
from loadtest.burst import Sent, utc_now

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


def a_round(gateway: float, kafka: float, token: float, seconds: float) -> Round:
    latencies = latency([0.006, 0.006, 0.02])
    sent = Sent(utc_now(), [], 5_000, {}, latencies, None, 256, 2.5, 35.0, interrupted=False)
    return Round(sent, {"gateway": gateway, "kafka-1": kafka}, token, seconds)


def a_whole_way(total: float, token: float = 40.0) -> WholeWay:
    one = a_round(30.0, total - 30.0, token, 2.5)
    return whole_way(SHAPES[0], 5_000, [one, one, one], {"gateway": 0.001, "kafka-1": 0.008})


def test_a_spread_is_median_lowest_and_highest() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


@pytest.mark.parametrize(("ratio", "total", "says"), [(0.12, 110.0, "met"), (0.121, 110.1, "not met here")])
def test_goals_are_stated_with_whether_they_are_met(ratio: float, total: float, says: str) -> None:
    profile = Profile("worker", 10, [Line("stream_workers/reports/validate.py:1 judge", 5.0, 9.0, 1.0)])
    result = Result(PYTHON, [comparison(ratio)], [a_whole_way(total)], [profile])
    lines = list(page(result))
    assert [line for line in lines if line.startswith("  goal:")] == [
        f"  goal: a ratio of at most 0.12, {SHAPES[0].name}: {says}",
        f"  goal: at most 110 µs: {says}",
    ]
    assert any(line.startswith("  kafka-1") for line in lines)
    read = document(result)
    assert read["versus"][0]["met"] is read["wholeWay"][0]["met"] is (says == "met")


def test_what_was_measured_is_told_first_and_then_what_it_would_be_at_another_pace() -> None:
    result = Result(PYTHON, [comparison(0.1)], [a_whole_way(200.0, token=80.0)], [])
    raw, pace, divided = list(page(result))[-3:]
    assert raw == "  goal: at most 110 µs: not met here"
    assert "80.0 (80.0 to 80.0) µs around these rounds, 2.0 times the 40 µs" in pace
    assert "100.0 (100.0 to 100.0) µs at the pace of the machine where the goal was set: met" in divided


def test_each_round_of_the_whole_way_is_divided_by_the_pace_of_its_own_time() -> None:
    rounds = [
        a_round(30.0, 70.0, 40.0, 1.0),
        a_round(60.0, 140.0, 80.0, 3.0),
        a_round(45.0, 135.0, 80.0, 2.0),
    ]
    way = whole_way(SHAPES[1], 5_000, rounds, {"gateway": 0.001, "kafka-1": 0.008})
    assert way.total_us == Spread(180.0, 100.0, 200.0)
    assert way.at_pace_us == Spread(100.0, 90.0, 100.0)
    assert way.cpu_us["gateway"] == Spread(45.0, 30.0, 60.0)
    assert (way.seconds, way.idle_us) == (2.0, {"gateway": 0.4, "kafka-1": 3.2})


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


def test_the_pace_is_the_median_of_its_samples_but_the_first() -> None:
    keys = key_ring("k1", {"k1": bytes(range(32))})
    now = utc_now()
    took = [0.9, 0.008, 0.012, 0.016, 0.012, 0.2, 0.004, 0.02]
    clock = iter([at for number, one in enumerate(took) for at in (float(number), number + one)])
    token = synthetic_assignments(1, keys, now)[0].token
    pace = pace_of(token, keys, now.timestamp(), lambda: next(clock))()
    assert (pace, slowness(pace)) == (60.0, 1.5)


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
