"""A worker's one connection to Postgres, with limits, so that a frozen worker's locks end by themselves."""

from datetime import timedelta
from typing import Final

import asyncpg

from projections.sql import queries

CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 60
_FROZEN: Final = timedelta(seconds=15)
_SQL = queries("store")
_SETTINGS = {
    "application_name": "eightbells reports worker",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": f"{_FROZEN.seconds}s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_connection_check_interval": "5s",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}


async def connect(database_url: str) -> asyncpg.Connection:
    """Open a session. Statements end after 30 s, waits for a lock after 10, idle transactions after 15.

    Raises:
        asyncpg.PostgresError, OSError, TimeoutError: see ``errors.meaning``.
    """
    return await asyncpg.connect(
        database_url, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S, server_settings=_SETTINGS
    )


async def end_frozen_copies(connection: asyncpg.Connection) -> int:
    """End sessions of workers that froze in the middle of a COPY; returns how many.

    Postgres applies neither its statement timeout nor any other to a session that waits for COPY data, so
    such a worker would hold its partitions' rows for as long as it stands still. Whoever waits for them asks.
    """
    return int(await connection.fetchval(_SQL["end_frozen_copies"], _FROZEN))
