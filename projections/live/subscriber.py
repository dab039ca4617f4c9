"""One socket as the hub sees it: a scope and a bounded queue of frames."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

TOO_SLOW: Final = 1013
BAD_TOKEN: Final = 4401
NOT_ALLOWED: Final = 1008


class Scope(msgspec.Struct, frozen=True):
    """What a socket may get: events of these sites that these permissions allow."""

    sites: frozenset[str]
    permissions: frozenset[str]


class Ended(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Subscriber:
    """A queue that its socket's writer empties.

    A reader who lets ``most_frames`` pile up is told to come back with its cursor: nothing is dropped in
    between, so what it has read is without a gap. ``when_ended`` is called once it is to be closed.
    """

    def __init__(self, scope: Scope, most_frames: int) -> None:
        self.scope = scope
        self._most_frames = most_frames
        self._frames: deque[str] = deque()
        self._news = asyncio.Event()
        self._code: int | None = None
        self.when_ended: Callable[[], object] = _nothing

    @property
    def ended(self) -> bool:
        """Whether nothing more is taken."""
        return self._code is not None

    @property
    def waiting(self) -> int:
        """How many frames are queued."""
        return len(self._frames)

    def offer(self, frame: str) -> bool:
        """Queue a frame; False where the queue was full and the socket is to be closed as too slow."""
        if self._code is not None:
            return True
        if len(self._frames) >= self._most_frames:
            self.end(TOO_SLOW)
            return False
        self._frames.append(frame)
        self._news.set()
        return True

    def replace(self, frames: Iterable[str]) -> None:
        """Forget what is queued, which may lie outside a scope that has changed."""
        self._frames.clear()
        for frame in frames:
            self.offer(frame)

    def end(self, code: int) -> None:
        """Close with that code; what is queued is not sent any more."""
        if self._code is None:
            self._code = code
            self._frames.clear()
            self.when_ended()

    def raise_if_ended(self) -> None:
        """Raise what ``next_frame`` would.

        Raises:
            Ended: with the code to close with.
        """
        if self._code is not None:
            raise Ended(self._code)

    async def next_frame(self) -> str:
        """The next frame.

        Raises:
            Ended: with the code to close with.
        """
        while True:
            self.raise_if_ended()
            if self._frames:
                return self._frames.popleft()
            self._news.clear()
            await self._news.wait()


def _nothing() -> None:
    """Nobody waits."""
