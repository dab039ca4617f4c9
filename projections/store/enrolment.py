"""What reports are judged by: enrolment, staff and instruments."""

from collections.abc import Iterable

import asyncpg
import msgspec

from projections.sql import queries
from projections.store.entry import Patient

_SQL = queries("store")

InstrumentKey = tuple[str, str, str]
"""Study, instrument, version."""


class Staff(msgspec.Struct, frozen=True, gc=False):
    """A member of staff and the sites they work for."""

    role: str
    sites: frozenset[str]
    disabled: bool


async def read_patients(connection: asyncpg.Connection, patient_ids: Iterable[str]) -> dict[str, Patient]:
    """The enrolment of those who are enrolled."""
    rows = await connection.fetch(_SQL["patients"], list(patient_ids))
    return {row[0]: Patient(row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows}


async def read_staff(connection: asyncpg.Connection, user_ids: Iterable[str]) -> dict[str, Staff]:
    """The users of those ids, whatever their role."""
    rows = await connection.fetch(_SQL["staff"], list(user_ids))
    return {row["user_id"]: Staff(row["role"], frozenset(row["sites"]), row["disabled"]) for row in rows}


async def read_instruments(
    connection: asyncpg.Connection, keys: Iterable[InstrumentKey]
) -> dict[InstrumentKey, str]:
    """The definitions, as JSON, of those that exist. A published one never changes, so it may be kept."""
    wanted = sorted(keys)
    rows = await connection.fetch(
        _SQL["instruments"], *(list(column) for column in zip(*wanted, strict=True))
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}
