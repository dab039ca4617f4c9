"""A worker's one connection to Postgres, with limits, so that a frozen worker's locks end by themselves."""

import asyncpg

CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 60
_SETTINGS = {
    "application_name": "eightbells reports worker",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
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
