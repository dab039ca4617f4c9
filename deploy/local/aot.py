"""The JVM's ahead-of-time cache: made once by a short-lived broker, it halves the time brokers need to start.

It lives in the user's cache, named after everything it depends on. It is an aid and nothing else: where it
cannot be made, or a broker does not come up with it, brokers start without, and say so. The stack that finds
none starts without one, and makes it in the background for the next.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from deploy.local.broker import BrokerError, Java, Node, bootstrap, new_cluster_id, node_command, prepare
from deploy.local.children import Child, Command, Run
from deploy.local.readiness import kafka_answers

_READY_S: Final = 60.0
_WRITTEN_S: Final = 60.0
_QUIET: Final = "-Xlog:aot*=error"

Spawn = Callable[[Command], Child]
"""Starts a command and puts it on record."""


def cache_file(java: Java, cache: Path) -> Path:
    """Where the cache for this runtime, these jars and this heap is, or would be."""
    return cache / "aot" / f"{java.key}.aot"


def use(file: Path) -> Sequence[str]:
    """The JVM's options; a cache whose checksum is wrong or that fits another class path is passed over."""
    return (f"-XX:AOTCache={file}", "-XX:AOTMode=auto", "-XX:+VerifySharedSpaces", _QUIET)


async def make(file: Path, java: Java, ports: tuple[int, int], run: Run, spawn: Spawn) -> None:
    """Run a broker on a scratch directory until it is ready, and make the cache from what it loaded.

    Some 15 seconds of one core, at the lowest priority; in two steps, so that each process is our child.

    Args:
        file: see ``cache_file``.
        java: the runtime.
        ports: two free ones.
        run: runs a command to its end.
        spawn: starts one.

    Raises:
        BrokerError: no cache came of it.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(dir=file.parent, prefix=".making-"))
    try:
        node = Node(1, *ports, scratch)
        await prepare(node, [node], new_cluster_id(), java, run)
        recorded = f"-XX:AOTConfiguration={scratch / 'recorded'}"
        await _record(spawn(node_command(node, java, ["-XX:AOTMode=record", recorded, _QUIET])), node)
        written = scratch / "cache.aot"
        options = ["-XX:AOTMode=create", recorded, f"-XX:AOTCache={written}", _QUIET]
        if await run(node_command(node, java, options)) or not written.exists():
            raise BrokerError("The JVM made no AOT cache.")
        written.chmod(0o600)
        written.replace(file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _record(child: Child, node: Node) -> None:
    """Let the broker come up, and stop it: it writes what it loaded as it ends."""
    try:
        async with asyncio.timeout(_READY_S):
            while await kafka_answers(bootstrap([node]), 1) is not None:
                if child.exited.done():
                    raise BrokerError("The broker that was to make the AOT cache ended early.")
                await asyncio.sleep(0.2)
    except BaseException as error:
        await child.stop(0)
        if isinstance(error, TimeoutError):
            raise BrokerError("The broker that was to make the AOT cache did not come up.") from None
        raise
    await child.stop(_WRITTEN_S)
