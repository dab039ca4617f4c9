"""Children end: with their parent, when they are asked, and when they will not listen. Nobody else does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from deploy.local.children import Child, Command, Nursery, base_environment, stop_recorded
from deploy.local.state import Process, identify, is_alive

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = f"""
import asyncio, os, sys
from pathlib import Path
from deploy.local.children import Command, Nursery
async def main():
    with Nursery() as nursery:
        child = nursery.spawn(Command([sys.executable, "-c", {SLEEP!r}], {{}}, Path("/")), 2)
        print(child.pid, flush=True)
        await child.exited
asyncio.run(main())
"""


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    """A descriptor for what children write."""
    descriptor = os.open(tmp_path / "output", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def python(code: str) -> Command:
    return Command([sys.executable, "-c", code], base_environment(), Path("/"))


def wait_until_gone(process: Process) -> None:
    while is_alive(process):
        time.sleep(0.01)


async def wait_for_words(child: Child, output: int, words: bytes) -> None:
    import asyncio

    while words not in os.pread(output, 1000, 0):
        assert not child.exited.done()
        await asyncio.sleep(0.01)


async def test_a_child_that_ends_is_learnt_of(output: int) -> None:
    with Nursery() as nursery:
        assert await nursery.run(python("raise SystemExit(7)"), output) == 7


async def test_a_child_gets_the_environment_it_was_given_and_no_more(output: int) -> None:
    command = msgspec.structs.replace(python("import os; print(sorted(os.environ))"), env={"ONLY": "this"})
    with Nursery() as nursery:
        await nursery.run(command, output)
    assert b"'ONLY'" in os.pread(output, 1000, 0)
    assert b"'HOME'" not in os.pread(output, 1000, 0)


async def test_a_child_that_ignores_the_signal_is_killed(output: int) -> None:
    with Nursery() as nursery:
        child = nursery.spawn(python(STUBBORN), output)
        await wait_for_words(child, output, b"deaf")
        await child.stop(0.1)
        assert child.exited.result() == -signal.SIGKILL


async def test_stopping_a_child_that_has_ended_does_nothing(output: int) -> None:
    with Nursery() as nursery:
        child = nursery.spawn(python("pass"), output)
        await child.exited
        await child.stop(5)
        assert child.exited.result() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_child_does_not_outlive_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = identify(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    wait_until_gone(child)


def test_what_a_dead_supervisor_left_is_stopped_even_if_it_ignores_the_signal() -> None:
    polite = subprocess.Popen([sys.executable, "-c", SLEEP])
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    recorded = [identify(polite.pid), identify(stubborn.pid)]
    assert stop_recorded(dict.fromkeys(recorded, signal.SIGTERM), 0.2) == recorded
    assert polite.wait() == -signal.SIGTERM
    assert stubborn.wait() == -signal.SIGKILL
    stubborn.communicate()


def test_a_process_that_only_has_the_recorded_pid_is_left_alone() -> None:
    innocent = subprocess.Popen([sys.executable, "-c", SLEEP])
    recorded = msgspec.structs.replace(identify(innocent.pid), started=time.time() - 9000)
    assert stop_recorded({recorded: signal.SIGKILL}, 0) == []
    assert psutil.Process(innocent.pid).is_running()
    innocent.kill()
    innocent.wait()
