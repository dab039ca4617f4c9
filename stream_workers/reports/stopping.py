"""Being told to stop while waiting for something else."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Stopping:
    """Whether a process was told to stop; everything that may wait long waits through this."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def stop(self) -> None:
        """Say so; for good."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until somebody says so."""
        await self._event.wait()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the stop."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._event.wait()

    async def unless(self, step: Coroutine[Any, Any, _Result]) -> _Result | None:
        """Run ``step``, but cancel it at the stop; None then."""
        running = asyncio.ensure_future(step)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return await running if running.done() else None
        finally:
            stopped.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
