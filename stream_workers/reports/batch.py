"""From what was fetched to one batch: contiguous per partition, with gaps where offsets hold no record."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from projections.store import Arrival
from stream_workers.reports.record import Record


class Fetched(msgspec.Struct, frozen=True):
    """Records per partition, in offset order, and the offset after everything that was looked at.

    ``positions`` may be beyond the last record: a transaction marker at the end of the log is never handed
    over, only skipped.
    """

    records: Mapping[int, Sequence[Record]]
    positions: Mapping[int, int]


class OffsetWentBack(RuntimeError):
    """A record lies before the offset that was asked for: the position in the log cannot be trusted."""


def assemble(
    fetched: Fetched,
    expected: Mapping[int, int],
    read: Callable[[Record], Arrival],
    gap_time: Callable[[int], datetime],
) -> list[Arrival]:
    """Everything fetched, ascending by (partition, offset), with a gap for each range without a record.

    Args:
        fetched: what the log gave.
        expected: the next offset to apply, per partition.
        read: reads a record.
        gap_time: the time to give to a gap of that partition that has no record after it.

    Raises:
        OffsetWentBack: see there.
    """
    items: list[Arrival] = []
    for partition in sorted(fetched.positions):
        following = expected[partition]
        time_of_last: datetime | None = None
        for record in fetched.records.get(partition, ()):
            if record.offset < following:
                raise OffsetWentBack(f"partition {partition}: {record.offset} came after {following - 1}")
            arrival = read(record)
            if record.offset > following:
                gap_at = time_of_last or arrival.received_at
                items.append(Arrival(partition, following, gap_at, gap_until=record.offset - 1))
            items.append(arrival)
            following, time_of_last = record.offset + 1, arrival.received_at
        position = fetched.positions[partition]
        if position > following:
            gap_at = time_of_last or gap_time(partition)
            items.append(Arrival(partition, following, gap_at, gap_until=position - 1))
    return items
