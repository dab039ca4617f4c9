"""Ports for one stack: the ones it had, else the usual ones, else free ones beside those.

A port is ours while we hold a lock on a file named after it in the user's cache; so two stacks that start at
the same moment choose different ports. The kernel gives the locks back when the supervisor ends, however it
ends.
"""

import fcntl
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from deploy.local.state import StackError

PREFERRED: Final = {
    "gateway": 8080,
    "api": 8081,
    "gateway-admin": 9080,
    "api-admin": 9081,
    "worker-admin": 9082,
    "relay-admin": 9083,
    "kafka-1": 9092,
    "kafka-1-controller": 9093,
    "kafka-2": 9094,
    "kafka-2-controller": 9095,
    "kafka-3": 9096,
    "kafka-3-controller": 9097,
    "postgres": 5432,
}
LOOPBACK: Final = "127.0.0.1"
_STEP: Final = 100
_LAST: Final = 32_000  # below the range from which systems give out ports of their own accord


class PortLocks:
    """The ports of a running stack; keep the object for as long as the stack runs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[int, int] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def choose(self, name: str, recorded: Mapping[str, int]) -> int:
        """A free port for ``name``, held until ``release``.

        Raises:
            StackError: none is left.
        """
        for port in _candidates(name, recorded):
            if self._lock(port):
                if is_free(port):
                    return port
                os.close(self._held.pop(port))
        raise StackError(f"No free port is left for {name} on {LOOPBACK}.")

    def give_back(self, port: int) -> None:
        """Let others have one of the ports."""
        os.close(self._held.pop(port))

    def release(self) -> None:
        """Give every port back."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _lock(self, port: int) -> bool:
        if port in self._held:
            return False
        descriptor = os.open(self._directory / f"{port}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held[port] = descriptor
        return True


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _candidates(name: str, recorded: Mapping[str, int]) -> Iterator[int]:
    if name in recorded:
        yield recorded[name]
    yield from range(PREFERRED[name], _LAST, _STEP)
