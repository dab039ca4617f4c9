"""Keeping a part running: real processes that die on purpose."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.announce import Event
from deploy.local.book import Book
from deploy.local.children import Command, Nursery, base_environment
from deploy.local.keeper import BackOff, Keeper, Part, PartFailed, listens
from deploy.local.layout import Layout, write_layout
from deploy.local.ports import LOOPBACK, PortLocks
from deploy.local.state import Record, identify

SERVE = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


class Bench:
    """What a keeper needs, and what it said."""

    def __init__(self, data: Path, port: int) -> None:
        write_layout(data, Layout(brokers=1, clusterId="abc"))
        self.data, self.port = data, port
        self.events: list[Event] = []
        self.said = asyncio.Event()
        self.book = Book(
            data,
            Record(
                supervisor=identify(os.getpid()), phase="starting", parts=("it",), brokers=1, kafka="",
                database=False, gateway="", api="",
            ),
        )  # fmt: skip

    def command(self, code: str) -> Command:
        return Command([sys.executable, "-c", code, str(self.port)], base_environment(), Path("/"))

    def hear(self, event: Event) -> None:
        self.events.append(event)
        self.said.set()

    async def answers(self) -> str | None:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return "nothing answers"
        writer.close()
        return None

    def keeper(self, nursery: Nursery, code: str, fallback: str | None = None) -> Keeper:
        part = Part(
            "it", self.command(code), self.port, self.answers,
            fallback=self.command(fallback) if fallback else None,
        )  # fmt: skip
        return Keeper(part, nursery, self.book, self.hear, self.data)

    @property
    def pid(self) -> int:
        return self.book.record.processes["it"].pid

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.said.wait()
            self.said.clear()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench with a port of its own."""
    locks = PortLocks()
    yield Bench(tmp_path, locks.choose("gateway", {}))
    locks.release()


def test_the_pause_doubles_to_five_seconds_and_starts_afresh_after_a_stable_minute() -> None:
    back_off = BackOff()
    assert [back_off.after(1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert [back_off.after(uptime) for uptime in (61, 1)] == [0.2, 0.4]


async def test_a_part_that_is_killed_comes_back_and_is_counted(bench: Bench) -> None:
    with Nursery() as nursery:
        keeper = bench.keeper(nursery, SERVE)
        await keeper.start()
        first = bench.pid
        keeping = asyncio.create_task(keeper.keep())
        os.kill(first, signal.SIGKILL)
        await bench.until(lambda: bench.events[-1].text.startswith("back after"))
        assert bench.pid != first
        assert bench.book.record.processes["it"].restarts == 1
        assert "DIED (SIGKILL)" in bench.events[-2].text
        keeping.cancel()
        await asyncio.wait([keeping])
        await keeper.stop(5)
    assert bench.book.record.processes == {}


async def test_a_part_that_does_not_come_up_fails_with_the_end_of_its_log(bench: Bench) -> None:
    with Nursery() as nursery:
        keeper = bench.keeper(nursery, "print('no such luck'); raise SystemExit(1)")
        with pytest.raises(PartFailed, match=r"(?s)exit code 1.*no such luck"):
            await keeper.start()
        await keeper.stop(1)


async def test_a_part_that_is_configured_wrongly_is_not_tried_again(bench: Bench) -> None:
    with Nursery() as nursery:
        keeper = bench.keeper(nursery, "print('once'); raise SystemExit(2)")
        with pytest.raises(PartFailed, match="exit code 2"):
            await keeper.start()
    assert (bench.data / "logs" / "it.log").read_text() == "once\n"


async def test_a_part_that_dies_before_it_is_ready_falls_back(bench: Bench) -> None:
    with Nursery() as nursery:
        keeper = bench.keeper(nursery, "raise SystemExit(1)", fallback=SERVE)
        await keeper.start()
        assert [event.kind for event in bench.events] == ["warning", "done"]
        await keeper.stop(5)


async def test_another_programs_answer_does_not_make_a_part_ready(bench: Bench) -> None:
    with socket.create_server((LOOPBACK, bench.port)), Nursery() as nursery:
        assert await bench.answers() is None
        keeper = bench.keeper(nursery, SERVE)
        with pytest.raises(PartFailed, match="Address already in use"):
            await keeper.start()
        assert listens(os.getpid(), bench.port)
        await keeper.stop(1)
