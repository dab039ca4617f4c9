from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.store import Arrival
from stream_workers.reports.batch import Fetched, OffsetWentBack, assemble
from stream_workers.reports.record import Header, Record

START = datetime(2026, 11, 22, tzinfo=UTC)
LATER = START + timedelta(days=1)


@dataclass
class Raw:
    partition: int
    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[Header] = ()


def read(record: Record) -> Arrival:
    return Arrival(record.partition, record.offset, START + timedelta(seconds=record.offset))


def assembled(
    records: dict[int, list[int]], positions: dict[int, int], expected: dict[int, int]
) -> list[Arrival]:
    raw: dict[int, list[Record]] = {
        part: [Raw(part, offset) for offset in offsets] for part, offsets in records.items()
    }
    return assemble(Fetched(raw, positions), expected, read, lambda _: LATER)


def test_offsets_without_a_record_become_gaps_with_a_neighbours_time() -> None:
    found = assembled({2: [5, 8]}, {2: 11}, {2: 3})
    assert [(one.offset, one.gap_until) for one in found] == [(3, 4), (5, None), (6, 7), (8, None), (9, 10)]
    assert [one.received_at - START for one in found] == [timedelta(seconds=s) for s in (5, 5, 5, 8, 8)]


def test_a_gap_that_nothing_surrounds_gets_the_time_that_is_asked_for() -> None:
    [gap] = assembled({}, {2: 4}, {2: 3})
    assert (gap.offset, gap.gap_until, gap.received_at) == (3, 3, LATER)


def test_nothing_new_is_no_batch() -> None:
    assert assembled({}, {0: 3, 1: 0}, {0: 3, 1: 0}) == []


def test_an_offset_before_the_expected_one_is_not_believed() -> None:
    with pytest.raises(OffsetWentBack):
        assembled({0: [2]}, {0: 3}, {0: 3})


@given(
    st.dictionaries(
        st.integers(0, 11), st.tuples(st.integers(0, 9), st.sets(st.integers(10, 40)), st.integers(0, 3))
    )
)
def test_every_offset_up_to_the_position_is_there_once_and_in_order(
    log: dict[int, tuple[int, set[int], int]],
) -> None:
    expected = {part: first for part, (first, _, _) in log.items()}
    positions = {part: max([first - 1, *offsets]) + 1 + more for part, (first, offsets, more) in log.items()}
    found = assembled({part: sorted(offsets) for part, (_, offsets, _) in log.items()}, positions, expected)

    covered: dict[int, list[int]] = {part: [] for part in log}
    for one in found:
        covered[one.partition].extend(range(one.offset, one.next_offset))
    assert covered == {part: list(range(expected[part], positions[part])) for part in log}
    assert [one.partition for one in found] == sorted(one.partition for one in found)
