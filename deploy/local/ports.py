"""Ports for one stack: the ones it had, else the usual ones, else free ones beside those.

Between choosing a port and listening on it, another stack might choose it too, even another user's. So a port
is held by a lock: a socket in Linux's abstract namespace, named after the port (elsewhere a loopback port far
above it, bound and never listened on). The kernel lets go of it when the supervisor ends, however it ends.
"""

import socket
import sys
from collections.abc import Iterator, Mapping
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
_ABSTRACT: Final = sys.platform == "linux"
_LOCKS_ABOVE: Final = 33_000
_LAST: Final = 32_000  # below the range from which systems give out ports of their own accord


class PortLocks:
    """The ports of a running stack; keep the object for as long as the stack runs."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def choose(self, name: str, recorded: Mapping[str, int]) -> int:
        """A free port for ``name``, held until it is given back.

        Raises:
            StackError: none is left.
        """
        for port in _candidates(name, recorded):
            if self._lock(port):
                if is_free(port):
                    return port
                self.give_back(port)
        raise StackError(f"No free port is left for {name} on {LOOPBACK}.")

    def give_back(self, port: int) -> None:
        """Let others have one of the ports."""
        self._held.pop(port).close()

    def release(self) -> None:
        """Give every port back."""
        for port in list(self._held):
            self.give_back(port)

    def _lock(self, port: int) -> bool:
        if port in self._held:
            return False
        lock = socket.socket(socket.AF_UNIX if _ABSTRACT else socket.AF_INET)
        try:
            lock.bind(f"\0eightbells-port-{port}" if _ABSTRACT else (LOOPBACK, port + _LOCKS_ABOVE))
        except OSError:
            lock.close()
            return False
        self._held[port] = lock
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
