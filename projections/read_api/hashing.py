"""Passwords are checked in a few threads of their own, with a bounded queue: never on the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher

from projections.passwords import HASHER, hash_password, password_matches
from projections.read_api.metrics import Metrics
from projections.read_api.problems import ProblemError

_RETRY_AFTER_S: Final = "5"
T = TypeVar("T")


class PasswordThreads:
    """A bounded place to hash in.

    ``slot`` is taken around a login, so that at most ``threads`` attempts are under way and ``queue`` wait:
    whoever comes after that gets a 503.
    """

    def __init__(self, threads: int, queue: int, metrics: Metrics, hasher: PasswordHasher = HASHER) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._slots = asyncio.Semaphore(threads)
        self._queue = queue
        self._waiting = 0
        self._metrics = metrics
        self._hasher = hasher
        self._nobodys = hash_password("nobody has this password", hasher)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a turn.

        Raises:
            ProblemError: 503, too many wait already.
        """
        if self._waiting >= self._queue:
            detail = "Too many logins at once. Try again."
            raise ProblemError(503, "Service unavailable", detail, {"Retry-After": _RETRY_AFTER_S})
        self._waiting += 1
        self._metrics.passwords_waiting.set(self._waiting)
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
            self._metrics.passwords_waiting.set(self._waiting)
        try:
            yield
        finally:
            self._slots.release()

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right; without a hash it takes as long, and is wrong."""
        known = password_hash or self._nobodys
        right = await self._run(lambda: password_matches(password, known, self._hasher))
        return right and password_hash is not None

    async def hash(self, password: str) -> str:
        """The password's hash."""
        return await self._run(lambda: hash_password(password, self._hasher))

    def close(self) -> None:
        """Let go of the threads; what runs is finished first."""
        self._executor.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
