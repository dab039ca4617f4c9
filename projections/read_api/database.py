"""Postgres as the read API uses it: a pool with time limits, and named queries."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import asyncpg

from projections.sql import queries

_FILES: Final = ("read_api", "reading", "alerts", "live")
_ACQUIRE_S: Final = 2.0
_CONNECT_S: Final = 3.0
RETRIABLE: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that pass: connection, standby, rollback, resources, locks, operator, system."""


class Session:
    """One connection, and the named queries on it."""

    def __init__(self, connection: asyncpg.Connection, sql: Mapping[str, str]) -> None:
        self._connection = connection
        self._sql = sql

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Every row."""
        rows: list[asyncpg.Record] = await self._connection.fetch(self._sql[query], *arguments)
        return rows

    async def row(self, query: str, *arguments: object) -> asyncpg.Record | None:
        """The first row, or None."""
        row: asyncpg.Record | None = await self._connection.fetchrow(self._sql[query], *arguments)
        return row

    async def value(self, query: str, *arguments: object) -> Any:  # noqa: ANN401 - the query decides
        """The first column of the first row, or None."""
        return await self._connection.fetchval(self._sql[query], *arguments)


class Database:
    """The pool. Connections are made when they are first needed, so it opens while Postgres is away."""

    def __init__(self, pool: asyncpg.Pool, sql: Mapping[str, str]) -> None:
        self._pool = pool
        self._sql = sql

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection of the pool; every statement is a transaction of its own.

        Raises:
            TimeoutError: none became free within 2 s.
            OSError, asyncpg.PostgresError: Postgres is away.
        """
        async with self._pool.acquire(timeout=_ACQUIRE_S) as connection:
            yield Session(connection, self._sql)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """The same, as one transaction."""
        async with self._pool.acquire(timeout=_ACQUIRE_S) as connection, connection.transaction():
            yield Session(connection, self._sql)

    async def why_not_ready(self) -> str | None:
        """What an operator should know when Postgres does not answer as it should; None when it does."""
        try:
            async with self.session() as session:
                await session.value("answers")
        except Exception as error:
            if is_outage(error):
                return f"Postgres does not answer ({type(error).__name__})"
            return f"Postgres refuses: {type(error).__name__}; was `eightbells migrate` run?"
        return None


@contextlib.asynccontextmanager
async def open_database(url: str, size: int, statement_timeout_ms: int) -> AsyncIterator[Database]:
    """The read API's pool, closed after the block.

    No session state is ever set on a connection, so nothing is reset when it goes back.
    """
    async with asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=_CONNECT_S,
        command_timeout=statement_timeout_ms / 1000 + 1,
        reset=_keep,
        server_settings={
            "application_name": "eightbells read API",
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": "5000",
        },
    ) as pool:
        yield Database(pool, _named(_FILES))


def is_outage(error: BaseException) -> bool:
    """Whether an error means that Postgres is away or busy, so that trying again later makes sense."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in RETRIABLE
    return isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def _named(files: tuple[str, ...]) -> dict[str, str]:
    """The queries of several files; a name that stands in two of them is an error."""
    found: dict[str, str] = {}
    for file in files:
        own = queries(file)
        if twice := found.keys() & own.keys():
            raise ValueError(f"{file}.sql names again: {', '.join(sorted(twice))}")
        found |= own
    return found


async def _keep(_: object) -> None:
    """Nothing to reset."""
