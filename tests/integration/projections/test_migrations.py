"""Migrations, and what each process's database role may do."""

from datetime import UTC, datetime

import asyncpg
import pytest

from projections.migrate import MigrationError, migrate
from tests.conftest import Database

NOW = datetime(2026, 11, 22, tzinfo=UTC)

SCHEMA = """
select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
from information_schema.columns where table_schema = 'public'
union all select indexdef from pg_indexes where schemaname = 'public'
union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
union all select tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
union all select grantee || ' ' || table_name || ' ' || privilege_type
    from information_schema.role_table_grants where grantee like 'eightbells%'
order by 1
"""

REFUSED = {
    "eightbells_worker": [
        "update ledger set reason = 'x'",
        "delete from ledger",
        "truncate ledger",
        "delete from report_ids",
        "select password_hash from users",
        "select * from patient_identities",
        "update slots set opens_at = closes_at",
    ],
    "eightbells_relay": [
        "select * from patients",
        "select * from ledger",
        "update outbox set written_at = now()",
        "truncate outbox",
        "update outbox set events = '[]'",
    ],
    "eightbells_reader": [
        "select * from users",
        "select * from patient_identities",
        "select * from activation_codes",
        "select * from refresh_tokens",
        "insert into outbox (written_at, events) values (now(), '[]')",
    ],
    "eightbells_api": ["insert into ledger default values", "update visits set completed_at = now()"],
    "eightbells_study": ["select * from ledger", "delete from visits", "select * from refresh_tokens"],
}


async def test_a_database_that_is_migrated_again_has_the_schema_of_a_fresh_one(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        fresh = await connection.fetch(SCHEMA)
        assert await migrate(database.url, {}, NOW) == []
        assert await connection.fetch(SCHEMA) == fresh
        assert len(fresh) > 100
    finally:
        await connection.close()


async def test_a_migration_that_changed_since_it_was_applied_is_refused_by_name(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute("update migrations set sha256 = 'x' where name = '0001_first_report'")
        with pytest.raises(MigrationError, match="0001_first_report"):
            await migrate(database.url, {}, NOW)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", REFUSED)
async def test_a_role_may_do_what_its_process_needs_and_no_more(database: Database, role: str) -> None:
    connection = await asyncpg.connect(database.role(role))
    try:
        for statement in REFUSED[role]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["ledger", "report_ids", "seals", "amendments"])
async def test_the_record_of_the_trial_cannot_be_emptied_even_by_its_owner(
    database: Database, table: str
) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(f"truncate {table}")
    finally:
        await connection.close()


async def test_a_row_of_the_ledger_cannot_be_edited_even_by_its_owner(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(
            "insert into ledger (received_at, stream_id, kafka_partition, kafka_offset, disposition) "
            "values ($1, 1, 0, 0, 'accepted')",
            NOW,
        )
        for statement in ("update ledger set disposition = 'duplicate'", "delete from ledger"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await connection.execute(statement)
    finally:
        await connection.close()
