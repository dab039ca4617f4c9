"""The demonstration as somebody has it who looks at it: alerts to acknowledge, and an end that is noticed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest
import websockets

from deploy.local.children import die_with_parent
from deploy.local.state import Stack, running_stack

EIGHTBELLS = Path(sys.executable).with_name("eightbells")
ENVIRONMENT = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}


def read_until(lines: IO[str], text: str) -> str:
    """Everything up to the line that has the text in it."""
    read = ""
    for line in lines:
        read += line
        if text in line:
            return read
    raise AssertionError(read)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the demonstration's stack is; nothing of it is left afterwards."""
    made = tmp_path_factory.mktemp("demo") / "stack"
    yield made
    for command in (["down"], ["reset", "--yes"]):
        subprocess.run([EIGHTBELLS, *command, "--data", made], capture_output=True, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def staying(data: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A demonstration that has sent its morning's burst and stays; and what it has said by then."""
    with subprocess.Popen(
        [EIGHTBELLS, "demo", "--patients", "200", "--over", "1", "--data", data],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process, read_until(process.stdout, "It stays up")
        finally:
            process.terminate()


def token_of(username: str, stack: Stack) -> str:
    """Log in as the file says that one can."""
    lines = Path(stack.demoLogins).read_text(encoding="utf-8").splitlines()[1:]
    passwords = {name: password for name, password, *_ in (line.split("\t") for line in lines)}
    body = {"username": username, "password": passwords[username]}
    return str(httpx.post(f"{stack.api}/login", json=body).raise_for_status().json()["token"])


def test_it_says_where_the_dashboard_is_and_who_may_log_in_but_no_password(
    staying: tuple["subprocess.Popen[str]", str], data: Path
) -> None:
    said, stack = staying[1], running_stack(data)
    assert f"{stack.api}/" in said
    assert all(name in said for name in ("dr.chen", "dr.mueller", "coord.all", stack.demoLogins))
    lines = Path(stack.demoLogins).read_text(encoding="utf-8").splitlines()[1:]
    assert not any(line.split("\t")[1] in said for line in lines)
    assert Path(stack.demoLogins).stat().st_mode & 0o777 == 0o600
    assert "200 sent, 200 accepted, 200 projected, 0 lost\nIt stays up" in said


@pytest.mark.parametrize("username", ["dr.chen", "dr.mueller", "coord.all"])
def test_whoever_logs_in_has_alerts_of_every_level_to_acknowledge_each_with_a_name(
    staying: tuple["subprocess.Popen[str]", str], data: Path, username: str
) -> None:
    stack = running_stack(data)
    answer = httpx.get(
        f"{stack.api}/api/v1/alerts?state=open&limit=200",
        headers={"Authorization": f"Bearer {token_of(username, stack)}", "Accept-Language": "en"},
    )
    alerts = answer.raise_for_status().json()["alerts"]
    assert {one["level"] for one in alerts} == {"routine", "urgent", "critical"}
    texts = {one["text"] for one in alerts}
    assert {"Fever (38.3 °C or more)", "Severe pain (9 or more of 10)"} <= texts


async def test_an_alert_arrives_by_itself_at_a_doctors_site(
    staying: tuple["subprocess.Popen[str]", str], data: Path
) -> None:
    stack = running_stack(data)
    seen: list[str] = []
    async with (
        asyncio.timeout(90),
        websockets.connect(f"{stack.api}/api/v1/live".replace("http", "ws")) as live,
    ):
        await live.send(json.dumps({"token": token_of("dr.mueller", stack)}))
        while "alert.raised" not in seen or "board.counters" not in seen:
            events = json.loads(await live.recv())["events"]
            assert {one["siteId"] for one in events} <= {"S-21"}
            seen += [one["type"] for one in events]


def test_it_notices_that_the_stack_is_stopped_from_elsewhere(
    staying: tuple["subprocess.Popen[str]", str], data: Path
) -> None:
    process, _ = staying
    down = subprocess.run([EIGHTBELLS, "down", "--data", data], capture_output=True, env=ENVIRONMENT)
    assert down.returncode == 0
    rest, _ = process.communicate(timeout=60)
    assert "was stopped from elsewhere. So ends the demonstration.\nStopped in" in rest
    assert "Error" not in rest
    assert process.returncode == 0
