"""GET /api/v1/patients/{patientId}/reports: what a patient sent, newest first, and what became of it."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import PatientReader
from projections.read_api.problems import not_found
from projections.read_api.services import services
from projections.read_api.visits import patient_key

router = APIRouter(tags=["patients"])
_LIST: Final = "reports"


class Place(NamedTuple):
    """The key of a ledger row, in the order in which lists are sorted."""

    received_at: datetime
    stream_id: int
    partition: int
    offset: int


class ReportRow(BaseModel):
    """A report as the ledger holds it; one that was sent again stands here once."""

    reportId: UUID | None
    instrument: str | None
    instrumentVersion: str | None
    recordedAt: datetime | None = Field(description="The instant that counts.")
    receivedAt: datetime
    sentAt: datetime | None = Field(description="When the attempt that arrived was sent.")
    disposition: Literal["accepted", "quarantined"]
    reason: str | None = Field(description="Why it is in quarantine.")
    placement: str | None
    visitId: str | None
    flags: dict[str, Any] | None = Field(description="What the site may want to ask about: items, clock.")
    amends: UUID | None
    supersededBy: UUID | None = Field(description="The latest report that amends this one.")
    respondent: str | None
    role: str | None = Field(description="Of the user who sent it.")
    answers: dict[str, Any] | None = Field(
        None, description="Absent without the permission answers.read; null where none can be read."
    )


class Reports(Freshness):
    """A page of a patient's reports."""

    reports: list[ReportRow]
    nextCursor: str | None


class Kept(msgspec.Struct, frozen=True):
    """What is read of a report's bytes here."""

    answers: dict[str, Any] | None = None
    respondent: str | None = None


_kept = msgspec.json.Decoder(Kept)
_flags = msgspec.json.Decoder(dict[str, Any])
_UNREADABLE: Final = Kept()


@router.get("/api/v1/patients/{patientId}/reports", response_model_exclude_unset=True)
async def reports(
    request: Request,
    patient_id: Annotated[str, Path(alias="patientId")],
    caller: PatientReader,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Reports:
    """The reports of a patient of the caller's sites; any other patient is a 404."""
    held = services(request)
    known, sites, _ = patient_key(patient_id, caller)
    purpose = f"{_LIST} {known}"
    after = decode_cursor(held.keys, purpose, cursor, Place) if cursor else (None,) * 4
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        if await session.row("patient_in_scope", known, sites, None) is None:
            raise not_found()
        rows = await session.rows("reports_of_patient", known, sites, *after, limit + 1)
    shown, following = page(held.keys, purpose, rows, limit, place)
    answers = "answers.read" in caller.permissions
    return Reports(reports=[_seen(row, answers) for row in shown], nextCursor=following, **fresh.model_dump())


def place(row: asyncpg.Record) -> Place:
    """A ledger row's sort key."""
    return Place(row["received_at"], row["stream_id"], row["kafka_partition"], row["kafka_offset"])


def _seen(row: asyncpg.Record, answers: bool) -> ReportRow:
    kept = _read(row["value"])
    shown: dict[str, Any] = {"answers": kept.answers} if answers else {}
    return ReportRow(
        reportId=row["report_id"],
        instrument=row["instrument"],
        instrumentVersion=row["instrument_version"],
        recordedAt=row["recorded_at"],
        receivedAt=row["received_at"],
        sentAt=row["sent_at"],
        disposition=row["disposition"],
        reason=row["reason"],
        placement=row["placement"],
        visitId=row["visit_id"],
        flags=_flags.decode(row["flags"]) if row["flags"] else None,
        amends=row["amends"],
        supersededBy=row["superseded_by"],
        respondent=kept.respondent,
        role=row["role"],
        **shown,
    )


def _read(value: bytes | None) -> Kept:
    """The answers in a report's bytes; those of a record that no gateway would have taken may be anything."""
    try:
        return _kept.decode(value) if value else _UNREADABLE
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _UNREADABLE
