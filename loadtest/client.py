"""The open loop: every report goes out at its time, whether or not the answers to earlier ones are in."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final

import msgspec

from loadtest.wire import Answer, Connection, Request, Target

Progress = Callable[[int, int], None]
"""Told now and then: how many deliveries are finished, of how many."""

CONNECT_FAILED: Final = "connect failed"
CUT_OFF: Final = "cut off"
TIMED_OUT: Final = "timed out"

_SWEEP_S: Final = 0.25
_TICK_S: Final = 0.001  # uvloop's timers are whole milliseconds: asked for less, it would spin
_SENT_PER_TURN: Final = 128
_TRY_AGAIN_LATER: Final = frozenset({408, 429})


class Patience(msgspec.Struct, frozen=True):
    """How long a client waits for an answer, and for how long it tries again; in seconds."""

    retry: bool = False
    timeout: float = 10.0
    give_up: float = 60.0
    first_pause: float = 0.2
    longest_pause: float = 5.0

    def pause(self, failures: int, retry_after: float | None, random: Random) -> float:
        """How long to wait after so many failures: doubling, jittered, never less than the server asks."""
        backoff = min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 16))
        return float((retry_after or 0.0) + backoff * (0.5 + random.random() / 2))


class Delivery:
    """One report's way to the gateway, and all that its sender gets to know.

    ``due`` is in seconds from the run's start, ``latency`` from ``due`` to the 202: time that a report waited
    in this client counts, so a stalled server cannot hide behind requests that were never made. ``lateness``
    is how long after ``due`` the first attempt was written; ``attempts`` counts those that were.
    """

    __slots__ = (
        "answer",
        "attempts",
        "due",
        "failures",
        "latency",
        "lateness",
        "outcome_unknown",
        "refused",
        "request",
    )

    def __init__(self, due: float, request: Request) -> None:
        self.due = due
        self.request = request
        self.attempts = self.failures = 0
        self.lateness = 0.0
        self.latency: float | None = None
        self.answer: bytes | None = None
        self.refused: int | None = None
        self.outcome_unknown = False


class SentAt:
    """The moment of an attempt, RFC 3339 in milliseconds. All but those is formatted once a second."""

    __slots__ = ("_clock", "_format", "_second")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._second, self._format = clock, -1, b""

    def __call__(self) -> bytes:
        """The moment it is called."""
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second = second
            self._format = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.%%03dZ").encode()
        return self._format % int((now - second) * 1000)


class OpenLoop:
    """Sends deliveries over a pool of connections, at most one request in flight on each.

    Args:
        target: where to.
        patience: time-outs and retries.
        connections: the most that are open at once.
        keep_alive: use them again; otherwise each request has its own.
        wall_clock: seconds since the epoch, for the header that says when an attempt was made.
        random: jitters the pauses between attempts.
    """

    def __init__(
        self,
        target: Target,
        patience: Patience,
        *,
        connections: int,
        keep_alive: bool,
        wall_clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._target, self._patience, self._random = target, patience, random
        self._sent_at = SentAt(wall_clock)
        self._limit, self._keep_alive = connections, keep_alive
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}
        self._in_flight: dict[Connection, tuple[Delivery, float]] = {}
        self._waiting: deque[Delivery] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._start = 0.0
        self._next = self._finished = self._total = 0
        self.errors: Counter[str] = Counter()
        """Attempts that got no 202, by kind: an HTTP status, or what happened to the connection."""
        self.most_open = 0
        """The most connections that were open at once."""

    async def run(self, deliveries: Sequence[Delivery], progress: Progress) -> None:
        """Send all, in order of ``due``; return when each is accepted, refused or given up.

        Cancelling it drops what is in flight; those deliveries' outcome is then unknown.
        """
        self._loop = asyncio.get_running_loop()
        self._deliveries, self._total = deliveries, len(deliveries)
        self._done = self._loop.create_future()
        self._start = self._loop.time()
        self._send_due()
        try:
            while not self._done.done() and self._total:
                await asyncio.wait([self._done], timeout=_SWEEP_S)
                self._drop_overdue()
                progress(self._finished, self._total)
        finally:
            await self._close()

    # When ------------------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        if self._done.done():
            return
        now, until = self._now(), min(self._next + _SENT_PER_TURN, self._total)
        while self._next < until and self._deliveries[self._next].due <= now:
            self._next += 1
            self._dispatch(self._deliveries[self._next - 1])
        if self._next < self._total:
            self._loop.call_later(max(_TICK_S, self._deliveries[self._next].due - now), self._send_due)

    def _now(self) -> float:
        return self._loop.time() - self._start

    def _drop_overdue(self) -> None:
        """In flight are the oldest first, and all have the same time."""
        overdue = []
        latest = self._now() - self._patience.timeout
        for connection, (_, since) in self._in_flight.items():
            if since > latest:
                break
            overdue.append(connection)
        for connection in overdue:
            delivery, _ = self._in_flight.pop(connection)
            connection.abort()
            self._failed(delivery, TIMED_OUT, None, reached=True)

    # On which connection ---------------------------------------------------------------------------------

    def _dispatch(self, delivery: Delivery) -> None:
        if self._done.done():
            return
        if self._idle:
            self._write(self._idle.popitem()[0], delivery)
        else:
            self._waiting.append(delivery)
            self._connect_if_needed()

    def _connect_if_needed(self) -> None:
        opening = len(self._connecting)
        if opening < len(self._waiting) and opening + len(self._connections) < self._limit:
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)

    async def _connect(self) -> None:
        connection = None
        try:
            async with asyncio.timeout(self._patience.timeout):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self), self._target.host, self._target.port
                )
        except (OSError, TimeoutError):
            connection = None
        task = asyncio.current_task()
        if task is not None:
            self._connecting.discard(task)
        if connection is not None and connection.is_open:
            self._connections.add(connection)
            self.most_open = max(self.most_open, len(self._connections))
            self._use(connection)
        elif self._waiting:
            self._failed(self._waiting.popleft(), CONNECT_FAILED, None, reached=False)
            self._connect_if_needed()

    def _use(self, connection: Connection) -> None:
        if self._waiting:
            self._write(connection, self._waiting.popleft())
        elif self._keep_alive:
            self._idle[connection] = None
        else:
            connection.abort()

    def _write(self, connection: Connection, delivery: Delivery) -> None:
        now = self._now()
        if not delivery.attempts:
            delivery.lateness = now - delivery.due
        delivery.attempts += 1
        self._in_flight[connection] = (delivery, now)
        connection.send(delivery.request.at(self._sent_at()))

    # What came of it -------------------------------------------------------------------------------------

    def answered(self, connection: Connection, answer: Answer, *, reusable: bool) -> None:
        """Settle the delivery or plan its next attempt; then let the connection go on."""
        delivery, _ = self._in_flight.pop(connection)
        if answer.status == 202:
            delivery.answer = answer.body
            delivery.latency = self._now() - delivery.due
            self._finish()
        elif answer.status >= 500 or answer.status in _TRY_AGAIN_LATER:
            self._failed(delivery, str(answer.status), answer.retry_after, reached=answer.status >= 500)
        else:
            self.errors[str(answer.status)] += 1
            delivery.refused = answer.status
            self._finish()
        if reusable and self._keep_alive:
            self._use(connection)
        else:
            connection.close()

    def broken(self, connection: Connection) -> None:
        """Forget the connection; a request that was in flight may have arrived or not."""
        self._connections.discard(connection)
        self._idle.pop(connection, None)
        cut = self._in_flight.pop(connection, None)
        if self._done.done():
            return
        if cut is not None:
            self._failed(cut[0], CUT_OFF, None, reached=True)
        self._connect_if_needed()

    def _failed(self, delivery: Delivery, kind: str, retry_after: float | None, *, reached: bool) -> None:
        """Count a failure; try again, or give up. ``reached``: the report may be in Kafka all the same."""
        self.errors[kind] += 1
        delivery.failures += 1
        delivery.outcome_unknown |= reached
        if self._patience.retry:
            pause = self._patience.pause(delivery.failures, retry_after, self._random)
            if self._now() + pause <= delivery.due + self._patience.give_up:
                self._loop.call_later(pause, self._dispatch, delivery)
                return
        self._finish()

    def _finish(self) -> None:
        self._finished += 1
        if self._finished == self._total and not self._done.done():
            self._done.set_result(None)

    async def _close(self) -> None:
        self._done.cancel()
        for delivery, _ in self._in_flight.values():
            delivery.outcome_unknown = True
        for task in self._connecting:
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        await asyncio.sleep(0)
