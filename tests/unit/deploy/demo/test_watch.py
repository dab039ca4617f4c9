"""The demonstration notices that its stack is stopped, and tells that from a breakdown."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.demo.watch import StackStopped, while_it_runs
from deploy.local.state import Record, StackNotRunning, forget_record, identify, write_record


@pytest.fixture
def supervisor() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that stands for a stack's supervisor."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
def record(tmp_path: Path, supervisor: "subprocess.Popen[bytes]") -> Record:
    """The state file of a running stack in ``tmp_path``."""
    made = Record(
        supervisor=identify(supervisor.pid),
        phase="ready",
        parts=(),
        brokers=1,
        kafka="",
        database=False,
        gateway="",
        api="",
    )
    write_record(tmp_path, made)
    return made


async def endless(begun: asyncio.Event) -> None:
    begun.set()
    await asyncio.Event().wait()


async def test_work_that_ends_while_the_stack_runs_gives_its_result(tmp_path: Path, record: Record) -> None:
    async def work() -> int:
        return 7

    assert await while_it_runs(tmp_path, work()) == 7


async def test_an_error_of_the_work_itself_is_its_own(tmp_path: Path, record: Record) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await while_it_runs(tmp_path, work())


async def test_a_stack_that_is_stopped_ends_the_work_in_order(tmp_path: Path, record: Record) -> None:
    begun = asyncio.Event()
    doing = asyncio.create_task(while_it_runs(tmp_path, endless(begun)))
    await begun.wait()
    write_record(tmp_path, msgspec.structs.replace(record, phase="stopping"))
    with pytest.raises(StackStopped, match="was stopped from elsewhere") as caught:
        await doing
    assert (caught.value.orderly, caught.value.exit_code) == (True, 3)


async def test_work_that_fails_because_the_stack_has_gone_is_told_so(tmp_path: Path, record: Record) -> None:
    async def work() -> None:
        forget_record(tmp_path)
        raise ConnectionRefusedError

    with pytest.raises(StackStopped, match="was stopped from elsewhere"):
        await while_it_runs(tmp_path, work())


async def test_a_supervisor_that_died_is_a_breakdown(
    tmp_path: Path, record: Record, supervisor: "subprocess.Popen[bytes]"
) -> None:
    begun = asyncio.Event()
    doing = asyncio.create_task(while_it_runs(tmp_path, endless(begun)))
    await begun.wait()
    supervisor.kill()
    with pytest.raises(StackStopped, match="lost its supervisor") as caught:
        await doing
    assert not caught.value.orderly


async def test_without_a_stack_nothing_is_begun(tmp_path: Path) -> None:
    begun = asyncio.Event()
    with pytest.raises(StackNotRunning):
        await while_it_runs(tmp_path, endless(begun))
    assert not begun.is_set()
