"""Commands that start things end in an orderly way, whoever asks them to."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

T = TypeVar("T")


def end_on_sigterm() -> None:
    """Let SIGTERM do what Ctrl-C does; and let Ctrl-C work also where a shell had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))


def run(work: Coroutine[object, object, T]) -> T:
    """Run on uvloop; Ctrl-C cancels the work, which may still say what it knows."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
