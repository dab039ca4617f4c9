"""How large and how slow a request may be, and the one clock and sweep that all connections share."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import msgspec

from ingest_gateway.contracts.report import MAX_BATCH_BYTES, MAX_REPORT_BYTES


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds."""

    header_bytes: int = 16 * 1024
    header_fields: int = 64
    report_bytes: int = MAX_REPORT_BYTES
    batch_bytes: int = MAX_BATCH_BYTES
    other_bytes: int = MAX_REPORT_BYTES
    """Body of a request that is no report: nothing on this port has a use for one."""
    unfinished_bytes: int = 4 * MAX_BATCH_BYTES
    """What one sender's bodies may take together while they are awaited: 64 reports, or 4 batches."""
    queued_requests: int = 8
    """Unanswered requests of one connection before it is not read any more."""
    header_timeout: float = 10
    body_timeout: float = 10
    keep_alive: float = 75
    unread_timeout: float = 30
    """How long a client may leave its answers unread."""
    linger_timeout: float = 2
    linger_bytes: int = 1024 * 1024
    """What is still read, and thrown away, after a refusal that closes: so that the refusal arrives."""

    @property
    def tick(self) -> float:
        """How often connections are looked at: often enough that no limit is passed by more than a tenth."""
        shortest = min(self.header_timeout, self.body_timeout, self.keep_alive, self.linger_timeout)
        return min(1.0, shortest / 10)

    def wire_bytes(self, body_bytes: int) -> int:
        """The most a chunked body may take on the wire, with its chunk sizes, extensions and trailers."""
        return self.header_bytes + 16 * body_bytes


class CoarseClock:
    """The time as of the last sweep, so that stamping a request costs nothing."""

    def __init__(self, monotonic: Callable[[], float], time: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._time = time
        self.advance()

    def advance(self) -> None:
        """Read the clocks."""
        self.now = self._monotonic()
        self.date = b"date: %b\r\n" % formatdate(self._time(), usegmt=True).encode()


async def every(
    seconds: float, sweep: Callable[[], None], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Sweep every so many seconds until cancelled: one timer for all connections instead of one for each."""
    while True:
        await sleep(seconds)
        sweep()
