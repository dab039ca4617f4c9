"""One long-lived connection to Postgres, whose end either side notices soon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

STATEMENT_S: Final = 5.0

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that is killed while a statement is sent
)
"""What a connection raises that is lost, or that Postgres does not serve just now."""


@asynccontextmanager
async def connection(url: str, application_name: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own, terminated after the block.

    Statements end after 5 s, waits for a lock after 2, and a session whose client has gone within some
    seconds, so that its locks are set free.

    Raises:
        Exception: one of ``AWAY``.
    """
    made = await asyncpg.connect(
        url,
        timeout=STATEMENT_S,
        command_timeout=STATEMENT_S,
        server_settings={
            "application_name": application_name,
            "statement_timeout": str(int(STATEMENT_S * 1000)),
            "lock_timeout": "2000",
            "idle_in_transaction_session_timeout": "5000",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
    )
    try:
        yield made
    finally:
        made.terminate()
