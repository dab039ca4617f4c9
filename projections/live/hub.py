"""The hub: who is connected, what was pushed lately, and one frame per scope. No I/O."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final

import msgspec

from projections.live.events import Batch, LiveEvent, frame, resync, slots_of
from projections.live.metrics import LiveMetrics
from projections.live.subscriber import Scope, Subscriber

_MOST_COUNTERS: Final = 20_000

Sites = dict[str, list[tuple[int, LiveEvent]]]


class Position(msgspec.Struct, frozen=True):
    """What a cursor names: everything up to and with this batch of this epoch."""

    epoch: str
    batch: int

    @property
    def cursor(self) -> str:
        """The cursor as readers keep it."""
        return f"{self.epoch}.{self.batch}"


def read_cursor(cursor: str) -> Position | None:
    """The position a cursor names; None for what was never a cursor."""
    epoch, dot, batch = cursor.rpartition(".")
    if not (epoch and dot and batch.isascii() and batch.isdigit() and len(batch) < 19):
        return None
    return Position(epoch, int(batch))


class Hub:
    """Everything is done between two awaits, so a socket that joins misses nothing and gets nothing twice.

    ``kept_batches`` and ``kept_events`` bound what is kept for readers that come back. ``head`` is the newest
    batch pushed, and ``ready`` is set once there is one.
    """

    def __init__(self, metrics: LiveMetrics, kept_batches: int = 1_000, kept_events: int = 50_000) -> None:
        self._metrics = metrics
        self._kept_batches, self._kept_events = kept_batches, kept_events
        self._kept: deque[Batch] = deque()
        self._held = 0
        self._since = 0
        self._groups: defaultdict[Scope, set[Subscriber]] = defaultdict(set)
        self._counters: dict[tuple[str, int], LiveEvent] = {}
        self._as_of: datetime | None = None
        self.head: Position | None = None
        self.ready = asyncio.Event()

    @property
    def since(self) -> int:
        """Batches after this one are kept."""
        return self._since

    def begin(self, epoch: str, batch: int) -> None:
        """The feed is connected and the newest batch is this one.

        In the same epoch the feed reads on from where it was; in another, everybody has to read everything
        again.
        """
        if self.head is None or self.head.epoch != epoch or batch < self.head.batch:
            self.begin_again(epoch, batch)

    def begin_again(self, epoch: str, batch: int) -> None:
        """Go on from this batch, whatever was before it: whoever is connected reads everything again."""
        again = self.head is not None
        self._kept.clear()
        self._counters.clear()
        self._held, self._since = 0, batch
        self.head = Position(epoch, batch)
        self.ready.set()
        if again:
            text = self._encoded(resync(self.head.cursor))
            for subscriber in self.subscribers():
                subscriber.replace([text])

    def publish(
        self, batches: Sequence[Batch], counters: Iterable[LiveEvent], as_of: datetime | None
    ) -> None:
        """Push batches of the epoch in force, in their order, with the counters they moved."""
        assert self.head is not None  # noqa: S101 - the feed begins before it publishes
        self._as_of = as_of
        moved = list(counters)
        for batch in batches:
            self._keep(batch)
        for counter in moved:
            self._remember(counter)
        events = [*(event for batch in batches for event in batch.events), *moved]
        self._metrics.events.inc(len(events) - len(moved))
        by_site = _by_site(events)
        for scope, subscribers in list(self._groups.items()):
            mine = visible(by_site, scope)
            if mine:
                self._send(self._encoded(frame(mine, self.head.cursor, as_of)), subscribers)

    def heartbeat(self, as_of: datetime | None) -> None:
        """An empty frame for everybody: the connection lives, and this is the cursor to come back with."""
        if self.head is None:
            return
        self._as_of = as_of
        text = self._encoded(frame((), self.head.cursor, as_of))
        for subscribers in list(self._groups.values()):
            self._send(text, subscribers)

    def join(self, subscriber: Subscriber, since: int | None, before: Sequence[LiveEvent] = ()) -> None:
        """Let a subscriber in, with a first frame: what it missed since a batch, or nothing.

        Args:
            subscriber: the socket's queue.
            since: the last batch it knows, not before ``self.since``; None for a reader that knows none.
            before: what it missed before that, where the hub does not keep it any more.
        """
        assert self.head is not None  # noqa: S101 - sockets wait for the feed
        missed = [*before]
        if since is not None:
            missed += [event for batch in self._kept if batch.number > since for event in batch.events]
            missed += [self._counters[key] for key in slots_of(missed) if key in self._counters]
        mine = visible(_by_site(missed), subscriber.scope)
        subscriber.offer(self._encoded(frame(mine, self.head.cursor, self._as_of)))
        self._enter(subscriber)

    def join_afresh(self, subscriber: Subscriber) -> None:
        """Let a subscriber in whose cursor is of no use: it reads everything again."""
        assert self.head is not None  # noqa: S101
        subscriber.offer(self._encoded(resync(self.head.cursor)))
        self._enter(subscriber)

    def change_scope(self, subscriber: Subscriber, scope: Scope) -> None:
        """Give a subscriber another scope. What it had queued is forgotten; it reads everything again."""
        self.leave(subscriber)
        subscriber.scope = scope
        if self.head is not None:
            subscriber.replace([self._encoded(resync(self.head.cursor))])
        self._enter(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; safe to call twice."""
        group = self._groups.get(subscriber.scope)
        if group is not None and subscriber in group:
            group.remove(subscriber)
            self._metrics.sockets.dec()
            if not group:
                del self._groups[subscriber.scope]

    def subscribers(self) -> list[Subscriber]:
        """Everybody who is connected."""
        return [subscriber for group in self._groups.values() for subscriber in group]

    def counters_known(self, key: tuple[str, int]) -> bool:
        """Whether ``join`` can tell the counters of that (site, window) by itself."""
        return key in self._counters

    def _enter(self, subscriber: Subscriber) -> None:
        group = self._groups[subscriber.scope]
        if subscriber in group:
            return
        group.add(subscriber)
        self._metrics.sockets.inc()

    def _send(self, text: str, subscribers: Iterable[Subscriber]) -> None:
        sent = 0
        for subscriber in subscribers:
            subscriber.offer(text)
            sent += 1
        self._metrics.frames.inc(sent)

    def _encoded(self, text: str) -> str:
        self._metrics.encoded.inc()
        return text

    def _keep(self, batch: Batch) -> None:
        assert self.head is not None  # noqa: S101
        self._kept.append(batch)
        self._held += len(batch.events)
        self.head = Position(self.head.epoch, batch.number)
        while len(self._kept) > self._kept_batches or (self._held > self._kept_events and self._kept):
            gone = self._kept.popleft()
            self._held -= len(gone.events)
            self._since = gone.number

    def _remember(self, counter: LiveEvent) -> None:
        """The newest counters of a window stand last, so that the oldest are the first to go."""
        assert counter.slot is not None  # noqa: S101
        key = (counter.site, counter.slot)
        self._counters.pop(key, None)
        self._counters[key] = counter
        while len(self._counters) > _MOST_COUNTERS:
            del self._counters[next(iter(self._counters))]


def _by_site(events: Iterable[LiveEvent]) -> Sites:
    found: Sites = {}
    for order, event in enumerate(events):
        found.setdefault(event.site, []).append((order, event))
    return found


def visible(by_site: Sites, scope: Scope) -> list[LiveEvent]:
    """The events a scope may see, in their order."""
    parts = [by_site[site] for site in scope.sites & by_site.keys()]
    ordered = parts[0] if len(parts) == 1 else sorted((e for part in parts for e in part), key=itemgetter(0))
    return [event for _, event in ordered if event.permission in scope.permissions]
