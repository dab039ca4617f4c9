"""Bring a database to the newest schema: roles, migrations in order, a year of ledger partitions."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg

from projections.sql import migrations, queries

ROLES: Final = {
    "eightbells_worker": "stream_workers.reports: applies batches of reports",
    "eightbells_relay": "projections.relay: numbers the outbox",
    "eightbells_api": "projections.read_api: answers the dashboard and logins",
    "eightbells_study": "eightbells study apply, enrol and tokens mint",
    "eightbells_reader": "eightbells verify and status: reads, and no personal data",
}
"""Every process's database role, and what it is for."""

LEDGER_MONTHS_AHEAD: Final = 13
_LOCK: Final = 0x8BE115


class MigrationError(RuntimeError):
    """The database was migrated by other files than ours; the message says which."""


async def migrate(database_url: str, passwords: Mapping[str, str], now: datetime) -> list[str]:
    """Apply what is missing, as the database's owner; safe to run twice and by several at once.

    Args:
        database_url: the owner's, who may create roles.
        passwords: of the roles that log in; a role without one keeps the password it has.
        now: an aware instant; ledger partitions are made from the month before it.

    Returns:
        The names of the migrations that were applied.

    Raises:
        MigrationError: an applied migration differs from its file, or has none.
    """
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            # Behind a lock that waits, every worker and reader waits too: rather fail, and be run again.
            await connection.execute("set local lock_timeout = '5s'")
            await _make_roles(connection, passwords)
            applied = await _apply_missing(connection, now)
            await connection.execute("select create_ledger_months($1, $2)", now, LEDGER_MONTHS_AHEAD)
        return applied
    finally:
        await connection.close()


async def _make_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles; they belong to the cluster, so another database's migration may just be making them."""
    sql = queries("migrate")
    for role in ROLES:
        await connection.execute(await connection.fetchval(sql["create_role_statement"], role))
        if password := passwords.get(role):
            await connection.execute(await connection.fetchval(sql["password_statement"], role, password))


async def _apply_missing(connection: asyncpg.Connection, now: datetime) -> list[str]:
    sql = queries("migrate")
    await connection.execute(sql["create_migrations_table"])
    done = {row["name"]: row["sha256"] for row in await connection.fetch(sql["applied_migrations"])}
    files = {name: (text, hashlib.sha256(text.encode()).digest()) for name, text in migrations()}
    for name, sha256 in done.items():
        if name not in files or files[name][1] != sha256:
            raise MigrationError(f"Migration {name} was applied from another file than this version has.")
    applied = []
    for name, (text, sha256) in files.items():
        if name not in done:
            await connection.execute(text)
            await connection.execute(sql["record_migration"], name, sha256, now)
            applied.append(name)
    return applied
