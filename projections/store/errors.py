"""What a failed transaction means: bad data, a moment to wait, or a reason to stop."""

from typing import Final, Literal

import asyncpg

Meaning = Literal["data", "wait", "stop"]

_DATA: Final = ("22", "23")
_WAIT: Final = ("08", "25", "40", "53", "55", "57", "58")
_CHECK_VIOLATION: Final = "23514"


class Superseded(RuntimeError):
    """Another worker has moved these offsets: discard the batch, read where the log stands, seek there."""


class RefusedEntry(RuntimeError):
    """Postgres refuses even the bare bytes of one record: nothing may be skipped, so this worker stops."""


def meaning(error: BaseException) -> Meaning:
    """Whether an error is about the data of a record, will pass, or needs a person.

    SQLSTATE decides. ``data`` (22, 23): one record is at fault and can be found by bisection. ``wait``: the
    same batch may succeed later (lost connections, resources, locks, shutdown, a standby that was just
    promoted). ``stop``: anything else, such as a wrong password, a missing table or privilege, an internal
    error, or a ledger without a partition for a row, which Postgres reports as a check violation without a
    constraint.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if state == _CHECK_VIOLATION and not error.constraint_name:
            return "stop"
        if state.startswith(_DATA):
            return "data"
        return "wait" if state.startswith(_WAIT) else "stop"
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | TimeoutError):
        return "wait"
    if isinstance(error, ValueError | OverflowError):
        return "data"
    return "stop"
