"""How long tests wait for what has to happen: far longer than it takes, so that no busy machine fails one."""

import asyncio
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 200.0


def patiently() -> asyncio.Timeout:
    """Fail where the block does not come to its end; how soon it does is not what is tested."""
    return asyncio.timeout(PATIENCE_S)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; fail if it never does."""
    async with patiently():
        while not condition():  # noqa: ASYNC110 - whatever it is, nothing tells of it
            await asyncio.sleep(0.005)
