"""Child processes: spawned so that they never outlive us, watched without polling, stopped within a time.

On Linux the kernel signals a child when its parent dies, even by ``kill -9``. Everywhere, the state file has
each child's pid and start time, and ``stop_recorded`` ends what a dead supervisor left behind.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from deploy.local.state import Process, find

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.05
_CANCELLED_S: Final = 2.0

Run = Callable[["Command"], Awaitable[int]]
"""Runs a command to its end, its output going to the log of the part that needs it; returns the exit code."""


class Account(msgspec.Struct, frozen=True):
    """Another user that a child runs as."""

    name: str
    uid: int
    gid: int


class Command(msgspec.Struct, frozen=True):
    """What to run, and the signal that asks it to stop in an orderly way.

    ``background``: at the lowest priority, so that everything else goes first.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    stop_signal: int = signal.SIGTERM
    account: Account | None = None
    background: bool = False


def base_environment() -> dict[str, str]:
    """What every child gets of our environment: no more than it needs to find programs and the time."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}


class Child:
    """A running child. ``exited`` is done, with the return code, once it has ended and was reaped."""

    def __init__(self, popen: "subprocess.Popen[bytes]", stop_signal: int) -> None:
        self._popen = popen
        self._stop_signal = stop_signal
        self.pid = popen.pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def reap(self) -> None:
        """Look whether it has ended."""
        code = self._popen.poll()
        if code is not None and not self.exited.done():
            self.exited.set_result(code)

    async def stop(self, within: float) -> None:
        """Ask it to stop; kill it where it hasn't after ``within`` seconds. Returns once it has ended."""
        self._signal(self._stop_signal)
        await asyncio.wait([self.exited], timeout=within)
        if not self.exited.done():
            self._signal(signal.SIGKILL)
            await self.exited

    def _signal(self, number: int) -> None:
        self.reap()
        if not self.exited.done():
            self._popen.send_signal(number)


class Nursery:
    """Spawns children and learns of their ends by SIGCHLD. One per event loop; use it as a context."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> "Nursery":
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def spawn(self, command: Command, output: int) -> Child:
        """Start a command in a session of its own, its output going to a file descriptor.

        A session of its own, because a terminal's Ctrl-C goes to everybody in the foreground: the order in
        which parts stop is the supervisor's to decide.

        Raises:
            OSError: it cannot be started.
        """
        account = command.account
        popen = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            list(command.argv),
            env=dict(command.env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_before_exec(command),  # noqa: PLW1509 - two system calls
        )
        child = Child(popen, command.stop_signal)
        self._children = [known for known in self._children if not known.exited.done()]
        self._children.append(child)
        return child

    async def run(self, command: Command, output: int) -> int:
        """Run a command to its end and return its exit code; when we are cancelled, so is it."""
        child = self.spawn(command, output)
        try:
            return await asyncio.shield(child.exited)
        finally:
            if not child.exited.done():
                await child.stop(_CANCELLED_S)

    def _reap(self) -> None:
        for child in self._children:
            child.reap()


def _before_exec(command: Command) -> Callable[[], None]:
    die = die_with_parent(command.stop_signal)

    def prepare() -> None:
        die()
        if command.background:
            os.nice(19)

    return prepare


def die_with_parent(number: int) -> Callable[[], None]:
    """What a child calls before exec, to have the kernel signal it when we die (Linux; elsewhere nothing)."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
            if os.getppid() != parent:  # it died while we were being made
                os._exit(1)

    return ask_the_kernel


def stop_recorded(processes: Mapping[Process, int], within: float) -> list[Process]:
    """Stop processes that are not our children, each by its signal; returns those that were still there.

    Only a process whose pid *and* start time are on record is ever signalled. Those that have not ended after
    ``within`` seconds are killed.
    """
    alive = [process for process in processes if find(process) is not None]
    for process in alive:
        _signal(process, processes[process])
    if not _all_gone(alive, within):
        for process in alive:
            _signal(process, signal.SIGKILL)
        _all_gone(alive, within)
    return alive


def _signal(process: Process, number: int) -> None:
    found = find(process)
    if found is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.send_signal(number)


def _all_gone(processes: Iterable[Process], within: float) -> bool:
    deadline = time.monotonic() + within
    while any(find(process) is not None for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
