"""Notices that somebody stops the stack under the demonstration."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from deploy.local.state import Process, StackNotRunning, is_alive, live_record, read_record

T = TypeVar("T")

_LOOK_EVERY_S: Final = 0.5


class StackStopped(StackNotRunning):
    """The stack is gone, or going, while something was done with it.

    ``orderly``: somebody asked it to stop; else its supervisor died.
    """

    def __init__(self, data: Path, *, orderly: bool) -> None:
        self.orderly = orderly
        how = "was stopped from elsewhere" if orderly else "has lost its supervisor and ended"
        super().__init__(f"The stack in {data.absolute()} {how}.")


async def while_it_runs(data: Path, work: Coroutine[Any, Any, T]) -> T:
    """Do ``work`` for as long as the stack that runs now goes on running.

    Raises:
        StackStopped: it stopped; the work was cancelled, or it failed for that reason.
        StackNotRunning: none runs.
    """
    record = live_record(data)
    if record is None:
        work.close()
        raise StackNotRunning(f"No stack is running in {data}.")
    supervisor = record.supervisor
    doing = asyncio.ensure_future(work)
    watching = asyncio.create_task(_until_gone(data, supervisor))
    try:
        await asyncio.wait((doing, watching), return_when=asyncio.FIRST_COMPLETED)
        fine = doing.done() and not doing.cancelled() and doing.exception() is None
        if not fine and _is_gone(data, supervisor):
            raise StackStopped(data, orderly=_was_asked(data, supervisor))
        return await doing
    finally:
        for task in (doing, watching):
            task.cancel()
        await asyncio.gather(doing, watching, return_exceptions=True)


async def _until_gone(data: Path, supervisor: Process) -> None:
    while not _is_gone(data, supervisor):  # noqa: ASYNC110 - another process's end
        await asyncio.sleep(_LOOK_EVERY_S)


def _is_gone(data: Path, supervisor: Process) -> bool:
    return not is_alive(supervisor) or _was_asked(data, supervisor)


def _was_asked(data: Path, supervisor: Process) -> bool:
    """A supervisor that stops in order says so in the state file, and removes it at the end."""
    record = read_record(data)
    return record is None or record.supervisor != supervisor or record.phase == "stopping"
