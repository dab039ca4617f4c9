"""Keeps one part running: starts it, waits until it is ready, brings it back when it dies, and stops it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import psutil

from deploy.local.announce import Announce, Event, tail
from deploy.local.book import Book
from deploy.local.children import Child, Command, Nursery
from deploy.local.layout import log_file, open_log
from deploy.local.state import StackError

_READY_S: Final = 120.0
_PROBE_EVERY_S: Final = 0.1
_FIRST_STARTS: Final = 3
_WRONG_CONFIGURATION: Final = 2
_LOG_LINES: Final = 15

Probe = Callable[[], Awaitable[str | None]]
"""Why a part is not ready; None when it is."""


class PartFailed(StackError):
    """A part did not come up; the message has its last log lines."""


class Part(msgspec.Struct, frozen=True):
    """A part to keep running, which listens on ``port``.

    ``fallback`` is run instead once ``command`` has died before it was ready; ``prepare`` is called before
    each start.
    """

    name: str
    command: Command
    port: int
    ready: Probe
    admin: str | None = None
    fallback: Command | None = None
    prepare: Callable[[], None] = lambda: None


class BackOff:
    """The pause before a part is started again: 0.2 s, doubling to 5 s, afresh after a stable minute."""

    FIRST_S: Final = 0.2
    LONGEST_S: Final = 5.0
    STABLE_S: Final = 60.0

    def __init__(self) -> None:
        self._next = self.FIRST_S

    def after(self, uptime: float) -> float:
        """The pause, for a part that died after so many seconds."""
        pause = self.FIRST_S if uptime >= self.STABLE_S else self._next
        self._next = min(pause * 2, self.LONGEST_S)
        return pause


class Keeper:
    """One part's process, over all its lives."""

    def __init__(self, part: Part, nursery: Nursery, book: Book, announce: Announce, data: Path) -> None:
        self.part = part
        self._nursery = nursery
        self._book = book
        self._announce = announce
        self._data = data
        self._command = part.command
        self._back_off = BackOff()
        self._restarts = 0
        self._child: Child | None = None
        self._started = 0.0

    async def start(self) -> None:
        """Start the part for the first time and wait until it is ready.

        A part that dies is tried again twice (what it needs may just be coming back), unless it said by its
        exit code that it is configured wrongly.

        Raises:
            PartFailed: it does not come up.
        """
        began = asyncio.get_running_loop().time()
        for attempt in range(1, _FIRST_STARTS + 1):
            child = self._spawn()
            reason = await self._wait_until_ready(child)
            if reason is None:
                seconds = asyncio.get_running_loop().time() - began
                self._announce(
                    Event("done", self.part.name, f"ready after {seconds:.1f} s (pid {child.pid})")
                )
                return
            if not child.exited.done() or child.exited.result() == _WRONG_CONFIGURATION:
                break
            self._fall_back()
            if attempt < _FIRST_STARTS:
                await asyncio.sleep(self._back_off.after(0))
        raise PartFailed(self._obituary(reason))

    async def keep(self) -> None:
        """Bring the part back whenever it dies; runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            assert self._child is not None  # noqa: S101 - start() came first
            code = await asyncio.shield(self._child.exited)
            self._restarts += 1
            pause = self._back_off.after(loop.time() - self._started)
            self._announce(Event("warning", self.part.name, self._death(code, pause)))
            await asyncio.sleep(pause)
            died = loop.time()
            try:
                child = self._spawn()
            except OSError as error:
                self._announce(Event("warning", self.part.name, f"cannot be started: {error}"))
                continue
            reason = await self._wait_until_ready(child)
            if reason is None:
                seconds = loop.time() - died
                self._announce(Event("done", self.part.name, f"back after {seconds:.1f} s (pid {child.pid})"))
            elif child.exited.done():
                self._fall_back()
            else:
                self._announce(Event("warning", self.part.name, f"runs again, but {reason}"))

    async def stop(self, within: float) -> None:
        """Stop the part, by force where it takes longer than ``within`` seconds."""
        if self._child is not None:
            await self._child.stop(within)
            self._book.ended(self.part.name)

    def _spawn(self) -> Child:
        self.part.prepare()
        output = open_log(self._data, self.part.name)
        try:
            self._child = self._nursery.spawn(self._command, output)
        finally:
            os.close(output)
        self._book.spawned(self.part.name, self._child.pid, self.part.admin, self._restarts)
        self._started = asyncio.get_running_loop().time()
        return self._child

    async def _wait_until_ready(self, child: Child) -> str | None:
        """None once it is ready; else why not, it having died or the time being up."""
        reason: str | None = "it has not answered yet"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_S):
                while not child.exited.done():
                    reason = await self.part.ready()
                    if reason is None and not listens(child.pid, self.part.port):
                        reason = f"another program answers on its port {self.part.port}"
                    if reason is None:
                        return None
                    await asyncio.sleep(_PROBE_EVERY_S)
                return f"it ended with {describe_exit(child.exited.result())}"
        return f"it is not ready after {_READY_S:.0f} s: {reason}"

    def _fall_back(self) -> None:
        if self.part.fallback is not None and self._command is not self.part.fallback:
            self._command = self.part.fallback
            self._announce(
                Event("warning", self.part.name, "did not come up with its AOT cache; without it now")
            )

    def _death(self, code: int, pause: float) -> str:
        return (
            f"DIED ({describe_exit(code)}); starting it again in {pause:.1f} s "
            f"(restart {self._restarts}); see {log_file(self._data, self.part.name)}"
        )

    def _obituary(self, reason: str | None) -> str:
        log = log_file(self._data, self.part.name)
        lines = "".join(f"\n    {line[:300]}" for line in tail(log, _LOG_LINES))
        return f"{self.part.name} did not come up: {reason}. The end of {log}:{lines}"


def listens(pid: int, port: int) -> bool:
    """Whether it is this process that listens on a port, and not another program."""
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except psutil.AccessDenied:
        return True  # not to be seen here; the answer itself has to do
    except psutil.NoSuchProcess:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def describe_exit(code: int) -> str:
    """An exit code in words: a signal by its name."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
