"""Judges a batch and applies it, whatever Postgres is going through meanwhile."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import asyncpg

from ingest_gateway.auth.keys import KeyRing
from projections import store
from projections.store import Arrival, Chain, InstrumentKey, Slot
from stream_workers.reports.breaker import QuarantineBreaker, blame
from stream_workers.reports.health import Health, Stopped
from stream_workers.reports.instruments import Instrument, read_instrument
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.validate import Snapshot, judge, stripped

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_ATTEMPT_S: Final = 60.0
"""asyncpg's COPY waits for ever where its connection is lost while the socket was full."""
_LOCK_NOT_AVAILABLE: Final = "55P03"
_Result = TypeVar("_Result")


class Abandoned(RuntimeError):
    """The batch was given up before it was committed: the process stops, or others have its partitions."""


class Applier:
    """Owns the connection to Postgres. What never changes there (instruments, slots) is kept in memory.

    Args:
        database_url: as the worker's role.
        seal_keys: of the ledger's seals.
        clock: the time, aware.
        metrics: counts what happens.
        health: told what is being waited for.
        breaker: asked before a batch is applied.
    """

    def __init__(
        self,
        database_url: str,
        seal_keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        metrics: WorkerMetrics,
        health: Health,
        breaker: QuarantineBreaker,
    ) -> None:
        self._database_url = database_url
        self._seal_keys = seal_keys
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._breaker = breaker
        self._connection: asyncpg.Connection | None = None
        self._instruments: dict[InstrumentKey, Instrument] = {}
        self._slots: dict[int, Slot] = {}

    async def close(self) -> None:
        """Close the connection, politely where the server answers."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def patiently(
        self,
        act: Callable[[asyncpg.Connection], Awaitable[_Result]],
        given_up: Callable[[], bool],
        *,
        also_wait_for: tuple[store.Meaning, ...] = (),
    ) -> _Result:
        """Run ``act`` with a connection, again and again while Postgres needs time, pausing longer each time.

        Args:
            act: run anew from its beginning each time.
            given_up: asked before each attempt but the first.
            also_wait_for: other kinds of failure to wait out, where trying again can do no harm.

        Raises:
            Abandoned: ``given_up`` said so.
            Exception: whatever else ``act`` raises.
        """
        pause, cause = _FIRST_PAUSE_S, ""
        while True:
            try:
                connection = await self._connected()
                if cause == _LOCK_NOT_AVAILABLE and await store.end_frozen_copies(connection):
                    _log.warning("ended the session of a worker that stood still")
                async with asyncio.timeout(_ATTEMPT_S):
                    result = await act(connection)
            except Exception as error:
                kind = store.meaning(error)
                if isinstance(error, store.Superseded) or (kind != "wait" and kind not in also_wait_for):
                    raise
                cause = _cause(error)
                self._metrics.retries.labels(cause).inc()
                self._health.note("postgres", f"waiting for Postgres ({cause})")
                _log.warning("Postgres did not take it: waiting", extra={"cause": cause, "pause_s": pause})
                self._drop_connection()
            else:
                self._health.note("postgres", None)
                return result
            deadline = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            while time.monotonic() < deadline:
                await asyncio.sleep(min(0.1, pause))
                if given_up():
                    raise Abandoned
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def apply(self, stream: int, items: Sequence[Arrival], given_up: Callable[[], bool]) -> None:
        """Commit a batch: in one transaction, or in several where one record is refused and has to be found.

        Raises:
            Stopped: a person has to look.
            Abandoned: ``given_up`` said so while Postgres was away.
            store.Superseded: these offsets have moved meanwhile.
        """
        try:
            await self._apply(stream, items, given_up, bare=False)
        except (store.Superseded, Abandoned, Stopped):
            raise
        except Exception as error:
            if store.meaning(error) == "stop":
                raise Stopped(f"Postgres refuses to go on ({_cause(error)})") from error
            raise

    async def _apply(
        self, stream: int, items: Sequence[Arrival], given_up: Callable[[], bool], *, bare: bool
    ) -> None:
        async def attempt(connection: asyncpg.Connection) -> None:
            await self._attempt(connection, stream, items, bare=bare)

        try:
            await self.patiently(attempt, given_up)
        except Exception as error:
            if isinstance(error, store.Superseded | Abandoned | Stopped) or store.meaning(error) != "data":
                raise
            _log.error(
                "Postgres refuses a record",
                extra={
                    "records": len(items),
                    "partition": items[0].partition,
                    "offset": items[0].offset,
                    "cause": _cause(error),
                },
            )
            if bare:
                where = f"partition {items[0].partition}, offset {items[0].offset}"
                raise Stopped(f"Postgres refuses even the bytes of the record at {where}") from error
            if len(items) == 1:
                await self._apply(stream, items, given_up, bare=True)
                return
            self._metrics.bisections.inc()
            half = len(items) // 2
            await self._apply(stream, items[:half], given_up, bare=False)
            await self._apply(stream, items[half:], given_up, bare=False)

    async def _attempt(
        self, connection: asyncpg.Connection, stream: int, items: Sequence[Arrival], *, bare: bool
    ) -> None:
        started = time.perf_counter()
        snapshot = await self._snapshot(connection, items)
        entries = [stripped(item) if bare else judge(item, snapshot) for item in items]
        now = self._clock()
        blamed = blame(entry for entry in entries if entry.reason is not None)
        if blamed and self._breaker.opens(len(entries), blamed, now):
            raise Stopped("too many quarantines in a minute: a bad release is likelier than bad reports")
        applied = await store.apply_batch(
            connection, Chain(stream, self._seal_keys), entries, self._slots, now
        )
        self._count(items, applied, time.perf_counter() - started)
        self._breaker.note(len(entries), blame(applied.quarantined), now)

    async def _snapshot(self, connection: asyncpg.Connection, arrivals: Sequence[Arrival]) -> Snapshot:
        readable = [(one, one.report) for one in arrivals if one.report is not None]
        patients = await store.read_patients(connection, {report.patientId for _, report in readable})
        speaking = {
            one.user_id
            for one, _ in readable
            if one.trouble is None and one.user_id is not None and one.role != "patient"
        }
        staff = await store.read_staff(connection, speaking) if speaking else {}
        wanted = {
            (patient.study_id, report.instrument, report.instrumentVersion)
            for _, report in readable
            if (patient := patients.get(report.patientId)) is not None
        }
        unseen = wanted - self._instruments.keys()
        if unseen:
            definitions = await store.read_instruments(connection, unseen)
            self._instruments.update({key: read_instrument(text) for key, text in definitions.items()})
        return Snapshot(patients, staff, self._instruments)

    def _count(self, arrivals: Sequence[Arrival], applied: store.Applied, seconds: float) -> None:
        self._metrics.transaction_seconds.observe(seconds)
        self._metrics.batch_records.observe(len(arrivals))
        for (disposition, reason), count in applied.outcomes.items():
            self._metrics.records.labels(disposition, reason or "").inc(count)
        for level, count in applied.alerts.items():
            self._metrics.alerts.labels(level).inc(count)
        for arrival in arrivals:
            if arrival.gap_until is not None:
                self._metrics.gaps.inc(arrival.next_offset - arrival.offset)
                _log.error(
                    "the log holds no record here",
                    extra={
                        "partition": arrival.partition,
                        "offset": arrival.offset,
                        "until": arrival.gap_until,
                    },
                )

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await store.connect(self._database_url)
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _cause(error: BaseException) -> str:
    """An error by its SQLSTATE, else its type; never its message, which may quote a record."""
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    return state or type(error).__name__
