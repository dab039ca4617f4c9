from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from projections import seals

KEY = bytes(range(32))
ORIGIN = seals.genesis(KEY, "cluster", "topic", 3, 0)
texts = st.none() | st.text()
rows = st.lists(st.lists(texts, min_size=2, max_size=2).map(tuple), min_size=1, max_size=5)


def sealed(rows: Sequence[Sequence[str | None]], previous: bytes = ORIGIN, key: bytes = KEY) -> bytes:
    return seals.seal(key, previous, [seals.row_digest(row) for row in rows])


@given(rows, rows)
def test_only_the_same_rows_have_the_same_seal(
    one: list[tuple[str | None]], other: list[tuple[str | None]]
) -> None:
    assert (sealed(one) == sealed(other)) == (one == other)


def test_no_two_ways_of_dividing_texts_into_columns_look_alike() -> None:
    alike: list[tuple[str | None, str | None]] = [
        ("a", "b"),
        ("ab", None),
        (None, "ab"),
        ("ab", ""),
        ('a","b', None),
        ("null", None),
        (None, None),
    ]
    assert len({seals.row_digest(row) for row in alike}) == len(alike)


def test_a_seal_depends_on_the_key_on_the_one_before_it_and_on_the_order() -> None:
    rows = [("1",), ("2",)]
    seal = sealed(rows)
    assert seal != sealed(rows, key=bytes(range(1, 33)))
    assert seal != sealed(rows, previous=seal)
    assert seal != sealed(rows[::-1])


def test_a_chain_begins_with_what_it_is_about() -> None:
    others = [
        seals.genesis(KEY, "other", "topic", 3, 0),
        seals.genesis(KEY, "cluster", "other", 3, 0),
        seals.genesis(KEY, "cluster", "topic", 4, 0),
        seals.genesis(KEY, "cluster", "topic", 3, 1),
        seals.genesis(bytes(32), "cluster", "topic", 3, 0),
    ]
    assert len({ORIGIN, *others}) == 6


def test_an_instant_is_the_same_number_in_every_zone() -> None:
    instant = datetime(2026, 11, 22, 8, 0, 3, 141592, tzinfo=timezone(timedelta(hours=8)))
    assert seals.microseconds(instant) == seals.microseconds(instant.astimezone(UTC)) == "1795305603141592"
    assert seals.microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == "-1"


def test_json_is_written_as_postgres_prints_jsonb() -> None:
    value: seals.Json = {"bb": [1, None, True], "a": {"é": 'q"\\\n\x01', "z": "\u2028"}, "aa": {}}
    assert (
        seals.jsonb_text(value)
        == '{"a": {"z": "\u2028", "é": "q\\"\\\\\\n\\u0001"}, "aa": {}, "bb": [1, null, true]}'
    )
