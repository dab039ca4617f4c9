"""A limit on quarantines, so that a bad release stops instead of diverting everything."""

from collections import deque
from datetime import datetime, timedelta

_WINDOW = timedelta(minutes=1)


class QuarantineBreaker:
    """Counts the last minute's records.

    It opens when at least ``limit`` of them were quarantined and they are half of all or more. Bad senders
    alone don't open it while good reports come in; a worker that misreads everything does.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._batches: deque[tuple[datetime, int, int]] = deque()

    def opens(self, records: int, quarantined: int, now: datetime) -> bool:
        """Whether applying so many more records, so many of them quarantined, would be too much."""
        while self._batches and now - self._batches[0][0] > _WINDOW:
            self._batches.popleft()
        total = records + sum(batch[1] for batch in self._batches)
        diverted = quarantined + sum(batch[2] for batch in self._batches)
        return diverted >= self._limit and 2 * diverted >= total

    def note(self, records: int, quarantined: int, now: datetime) -> None:
        """Remember an applied batch."""
        self._batches.append((now, records, quarantined))
