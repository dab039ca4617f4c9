"""What a worker looks after between batches: readiness, lag, how fresh Postgres is, the hint to Kafka."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from projections import store
from stream_workers.reports.applier import Abandoned, Applier
from stream_workers.reports.health import Health
from stream_workers.reports.log import ReportLog
from stream_workers.reports.metrics import WorkerMetrics

_SILENT_AFTER: Final = timedelta(seconds=15)
_LEDGER_LOOK_S: Final = 60.0
_SEEN_EVERY_S: Final = 2.0

GivenUp = Callable[[], bool]
"""Whether the partitions in hand are given up; asked while Postgres is waited for."""


class Watch:
    """Looks around, each thing no more often than it needs.

    Args:
        log: asked how far the topic goes, and told how far the ledger is.
        applier: its connection to Postgres is used.
        commit_hint: seconds between two hints to Kafka.
        ledger_days_ahead: with ledger partitions for fewer days ahead the worker is not ready.
        clock: the time, aware.
        metrics: told the lag.
        health: told what is not as it should be.
    """

    def __init__(
        self,
        log: ReportLog,
        applier: Applier,
        *,
        commit_hint: float,
        ledger_days_ahead: int,
        clock: Callable[[], datetime],
        metrics: WorkerMetrics,
        health: Health,
    ) -> None:
        self._kafka = log
        self._applier = applier
        self._commit_hint = commit_hint
        self._ledger_days_ahead = ledger_days_ahead
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._hint_due = 0.0
        self._seen_due = 0.0
        self._ledger_due = 0.0

    async def look(
        self, stream: int, following: Mapping[int, int], latest: Mapping[int, datetime], given_up: GivenUp
    ) -> None:
        """Look around once.

        Args:
            stream: the topic's number.
            following: the next offset to apply, per partition in hand.
            latest: the time of the last record applied, per partition.
            given_up: see there.
        """
        now, ticks = self._clock(), time.monotonic()
        answered = self._kafka.last_answer_ms()
        silent = answered is not None and now.timestamp() * 1000 - answered > _SILENT_AFTER / timedelta(
            milliseconds=1
        )
        self._health.note("kafka", "Kafka does not answer" if silent else None)
        for partition, end in self._kafka.ends().items():
            self._metrics.lag.labels(str(partition)).set(max(0, end - following.get(partition, end)))
        if ticks >= self._hint_due:
            self._hint_due = ticks + self._commit_hint
            await self._kafka.commit_hint(following)
        with suppress(Abandoned):
            if ticks >= self._seen_due:
                self._seen_due = ticks + _SEEN_EVERY_S
                await self._note_seen(stream, following, latest, given_up)
            if ticks >= self._ledger_due:
                self._ledger_due = ticks + _LEDGER_LOOK_S
                await self._look_at_ledger(now, given_up)

    async def _note_seen(
        self, stream: int, following: Mapping[int, int], latest: Mapping[int, datetime], given_up: GivenUp
    ) -> None:
        """Tell readers how fresh Postgres is: also when nothing arrives, and not while we are behind."""
        applied = {one: at for one, at in latest.items() if one in following}
        seen = applied | self._kafka.emptied(following)

        async def write(connection: asyncpg.Connection) -> None:
            await store.note_seen(connection, stream, seen)

        if seen:
            await self._applier.patiently(write, given_up)

    async def _look_at_ledger(self, now: datetime, given_up: GivenUp) -> None:
        async def read(connection: asyncpg.Connection) -> datetime | None:
            return await store.ledger_prepared_until(connection, now)

        until = await self._applier.patiently(read, given_up)
        short = until is None or until - now < timedelta(days=self._ledger_days_ahead)
        self._health.note(
            "ledger",
            "the ledger has too few month partitions ahead: run `eightbells migrate`" if short else None,
        )
