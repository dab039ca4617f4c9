"""The process that supervises a stack: holds its data directory, starts it, waits for a signal, stops it."""

import asyncio
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final

from deploy.errors import exit_code, is_ours
from deploy.local.announce import Announce, Event, LogFile, Pipe, to_all
from deploy.local.children import Nursery
from deploy.local.credentials import make_secrets
from deploy.local.layout import hold, open_log, read_layout
from deploy.local.leftovers import clean_up
from deploy.local.plan import Options, decode_options, make_plan
from deploy.local.ports import PortLocks
from deploy.local.stack import LocalStack
from deploy.local.state import AlreadyRunning, Interrupted

LOG: Final = "supervisor"
_OPEN_FILES: Final = 262_144
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def supervise(options: Options, announce: Announce, on_ready: Callable[[], None]) -> None:
    """Run a stack until a signal asks for its end. Nothing of it is left when this returns or raises.

    Args:
        options: what to run.
        announce: told of everything that happens.
        on_ready: called once every part is ready.

    Raises:
        AlreadyRunning: the data directory has a supervisor.
        Interrupted: it was asked to end before every part was ready.
        StackError: the stack did not come up; everything was stopped again.
    """
    data = options.data
    read_layout(data)  # before anything is written: is it ours?
    data.mkdir(parents=True, exist_ok=True, mode=0o711)
    if hold(data) is None:
        raise AlreadyRunning(f"A stack is running or starting in {data.absolute()}.")
    for part, found in clean_up(data):
        announce(
            Event("warning", part, f"was left behind by an earlier supervisor (pid {found.pid}); stopped")
        )
    _allow_many_connections()
    locks = PortLocks()
    plan = make_plan(options, locks)
    make_secrets(data)
    log = LogFile(open_log(data, LOG))
    with Nursery() as nursery:
        stack = LocalStack(plan, nursery, to_all(announce, log), locks)
        await _run(stack, on_ready)
    locks.release()


async def _run(stack: LocalStack, on_ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    ready = False
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, asked.set)

    async def start_and_keep() -> None:
        nonlocal ready
        await stack.start()
        on_ready()
        ready = True
        await stack.keep()

    running = loop.create_task(start_and_keep())
    asking = loop.create_task(asked.wait())
    await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
    for task in (running, asking):
        task.cancel()
    await asyncio.wait({running, asking})
    await stack.stop()
    if not running.cancelled():
        running.result()  # raises what made it end
    if not ready:
        raise Interrupted("Interrupted before everything was ready; nothing was left running.")


def _allow_many_connections() -> None:
    """Let our children open as many files as the system allows them to: a burst is many connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _detached(announce_to: int) -> int:
    """The body of a detached supervisor: options on standard input, events to an open descriptor."""
    options = decode_options(sys.stdin.buffer.read())
    announce = Pipe(announce_to)
    try:
        asyncio.run(supervise(options, announce, lambda: announce(Event("ready", "stack", "ready"))))
    except Exception as error:
        if not is_ours(error):
            traceback.print_exc()
        text = str(error) if is_ours(error) else f"{type(error).__name__}: {error}"
        announce(Event("failed", "stack", text, exit_code(error)))
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(_detached(int(sys.argv[1])))
