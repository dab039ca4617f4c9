"""Processes whose CPU time is measured, and some that are started for that."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence

import psutil

_READY_S = 30.0
_STOP_S = 15.0


class NotMeasurable(RuntimeError):
    """A process that was to be measured did not start, or is gone."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, and its descendants, living or waited for.

    Raises:
        NotMeasurable: it is gone.
    """
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise NotMeasurable(f"Process {pid} is gone.") from None
    total = 0.0
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running(
    arguments: Sequence[str], environment: Mapping[str, str], port: int, log: int
) -> AsyncIterator[int]:
    """Run Python with these arguments until the block ends; yields its pid once its port answers.

    Raises:
        NotMeasurable: it ended, or never listened.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        await _until_listening(process, port)
        yield process.pid
    finally:
        await _stop(process)


async def _until_listening(process: asyncio.subprocess.Process, port: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_READY_S):
            while process.returncode is None:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                await asyncio.sleep(0.1)
    raise NotMeasurable(f"A measured process did not start (exit code {process.returncode}); see its log.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
