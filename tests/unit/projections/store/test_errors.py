import asyncpg
import pytest

from projections.store.errors import Superseded, meaning


def error(state: str, constraint: str | None = None) -> asyncpg.PostgresError:
    found = asyncpg.PostgresError("some text")
    found.sqlstate = state
    found.constraint_name = constraint
    return found


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (error("22021"), "data"),
        (error("23502"), "data"),
        (error("23514", "no_poison"), "data"),
        (error("23514"), "stop"),  # a ledger without a partition for the row
        (error("08006"), "wait"),
        (error("25P03"), "wait"),
        (error("40P01"), "wait"),
        (error("53300"), "wait"),
        (error("55P03"), "wait"),
        (error("57P01"), "wait"),
        (error("58030"), "wait"),
        (error("28P01"), "stop"),
        (error("42501"), "stop"),
        (error("XX001"), "stop"),
        (asyncpg.InterfaceError("connection is closed"), "wait"),
        (ConnectionResetError(), "wait"),
        (TimeoutError(), "wait"),
        (OverflowError(), "data"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogate"), "data"),
        (Superseded(), "stop"),
        (TypeError(), "stop"),
    ],
)
def test_each_failure_means_bad_data_a_moment_to_wait_or_a_person(failure: Exception, expected: str) -> None:
    assert meaning(failure) == expected
