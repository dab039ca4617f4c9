"""A limit on quarantines, so that a bad release stops instead of diverting everything."""

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from projections.store import Entry

_WINDOW: Final = timedelta(minutes=1)
MOST_OF_ONE_SENDER: Final = 10
"""Quarantines of one sender that count in a minute: whoever sends nonsense must not stop everybody else."""

Blamed = Counter[str | None]
"""How many quarantines each sender may have caused; None where no sender can have: each of those counts."""


def blame(quarantined: Iterable[Entry]) -> Blamed:
    """Who may have caused these quarantines.

    A gateway checks what makes a record readable, attributed and rightly routed, and what Postgres can hold:
    where a record is not, some release is at fault and not its sender.
    """
    return Counter(_sender(entry) for entry in quarantined)


def _sender(entry: Entry) -> str | None:
    return None if entry.arrival.trouble is not None else entry.arrival.user_id


class QuarantineBreaker:
    """Counts the last minute's records.

    It opens when at least ``limit`` of them were quarantined and they are half of all or more. Bad senders
    alone don't open it: of each, only so many count. A worker that misreads everything does.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: deque[tuple[datetime, int, Blamed]] = deque()
        self._good = 0
        self._blamed: Blamed = Counter()

    def opens(self, records: int, blamed: Blamed, now: datetime) -> bool:
        """Whether applying so many more records, with these quarantines, would be too much."""
        self._forget(now)
        if self._blamed.total() + blamed.total() < self._limit:
            return False
        diverted = sum(
            count if sender is None else min(count, MOST_OF_ONE_SENDER)
            for sender, count in (self._blamed + blamed).items()
        )
        return diverted >= self._limit and diverted >= self._good + records - blamed.total()

    def note(self, records: int, blamed: Blamed, now: datetime) -> None:
        """Remember an applied batch."""
        self._forget(now)
        good = records - blamed.total()
        self._batches.append((now, good, blamed))
        self._good += good
        self._blamed.update(blamed)

    def _forget(self, now: datetime) -> None:
        while self._batches and now - self._batches[0][0] > _WINDOW:
            _, good, blamed = self._batches.popleft()
            self._good -= good
            self._blamed -= blamed
