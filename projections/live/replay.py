"""Letting a reader in who comes back: from memory, from the outbox, or by telling it to begin again."""

import asyncio
import logging

from projections.live.events import Counters, LiveEvent, counters_event, read_event, slots_of
from projections.live.feed import Clock
from projections.live.hub import Hub, Position, read_cursor
from projections.live.metrics import LiveMetrics
from projections.live.subscriber import Subscriber
from projections.read_api.database import Database, Session, is_outage

_log = logging.getLogger(__name__)


class Replays:
    """Answers cursors. At most ``at_once`` replays ask Postgres at a time; the others wait.

    A cursor is good for ``most_batches`` batches and for ``most_events`` events of the reader's scope; beyond
    that, reading everything again is cheaper for both.
    """

    def __init__(
        self,
        hub: Hub,
        database: Database,
        metrics: LiveMetrics,
        clock: Clock,
        most_batches: int = 1_000,
        most_events: int = 5_000,
        at_once: int = 3,
    ) -> None:
        self._hub = hub
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._most_batches, self._most_events = most_batches, most_events
        self._turn = asyncio.Semaphore(at_once)

    async def join(self, subscriber: Subscriber, cursor: str | None) -> None:
        """Let a subscriber in behind its cursor; without one it starts now."""
        if cursor is None:
            self._hub.join(subscriber, None)
            return
        position, head = read_cursor(cursor), self._hub.head
        if (
            position is None
            or head is None
            or position.epoch != head.epoch
            or not head.batch - self._most_batches <= position.batch <= head.batch
        ):
            self._begin_again(subscriber)
        elif position.batch >= self._hub.since:
            self._hub.join(subscriber, position.batch)
            self._metrics.replays.labels("memory").inc()
        else:
            await self._from_outbox(subscriber, position, head)

    async def _from_outbox(self, subscriber: Subscriber, position: Position, head: Position) -> None:
        """What memory does not hold is read up to the head; what comes meanwhile is in memory."""
        try:
            async with self._turn, self._database.session() as session:
                missed = await self._missed(session, subscriber, position.batch, head)
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("a replay got no answer", exc_info=error)
            missed = None
        now = self._hub.head
        if missed is None or now is None or now.epoch != head.epoch or head.batch < self._hub.since:
            self._begin_again(subscriber)
            return
        self._hub.join(subscriber, head.batch, missed)
        self._metrics.replays.labels("database").inc()

    async def _missed(
        self, session: Session, subscriber: Subscriber, after: int, head: Position
    ) -> list[LiveEvent] | None:
        """The events of the subscriber's sites; None where they are too many or too long ago."""
        rows = await session.rows(
            "events_between", after, head.batch, sorted(subscriber.scope.sites), self._most_events + 1
        )
        if len(rows) > self._most_events or not await session.value("reaches_back_to", after):
            return None
        events = [event for row in rows if (event := read_event(row["event"].encode())) is not None]
        return events + await self._counters(session, events, head)

    async def _counters(self, session: Session, events: list[LiveEvent], head: Position) -> list[LiveEvent]:
        """The sums of the windows these events moved, where the hub has not pushed newer ones."""
        slots = [key for key in slots_of(events) if not self._hub.counters_known(key)]
        if not slots:
            return []
        rows = await session.rows("board_counters", [site for site, _ in slots], [slot for _, slot in slots])
        now = self._clock()
        return [
            counters_event(
                Counters(row["site_id"], row["slot_id"], row["completed"], row["late"], row["partial"]),
                head.cursor,
                now,
            )
            for row in rows
        ]

    def _begin_again(self, subscriber: Subscriber) -> None:
        self._hub.join_afresh(subscriber)
        self._metrics.replays.labels("resync").inc()
