"""GET /api/v1/adverse-events: what doctors of the caller's sites reported."""

from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Request
from pydantic import BaseModel

from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.filters import PatientId, SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import PatientReader
from projections.read_api.services import services

router = APIRouter(tags=["adverse events"])
_LIST: Final = "adverse events"


class AdverseEvent(BaseModel):
    """An adverse event as it was reported; ``reportedBy`` is a user name."""

    adverseEventId: UUID
    alertId: UUID | None
    studyId: str
    siteId: str
    patientId: str
    term: str
    grade: int
    serious: bool
    onset: date
    description: str | None
    reportedAt: datetime
    reportedBy: str


class ShownAdverseEvent(AdverseEvent, Freshness):
    """One adverse event."""


class AdverseEvents(Freshness):
    """A page of adverse events, those reported last first."""

    adverseEvents: list[AdverseEvent]
    nextCursor: str | None


class _Key(NamedTuple):
    reported_at: datetime
    adverse_event_id: UUID


@router.get("/api/v1/adverse-events")
async def adverse_events(
    request: Request,
    caller: PatientReader,
    site_ids: SiteIds = None,
    patient_id: PatientId = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AdverseEvents:
    """Adverse events of the caller's sites. Filters narrow; they never show more."""
    held = services(request)
    after = decode_cursor(held.keys, _LIST, cursor, _Key) if cursor else (None, None)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows("adverse_events", caller.within(site_ids), patient_id, *after, limit + 1)
    rows_shown, following = page(held.keys, _LIST, rows, limit, _key)
    return AdverseEvents(
        adverseEvents=[shown(row) for row in rows_shown], nextCursor=following, **fresh.model_dump()
    )


def shown(row: asyncpg.Record) -> AdverseEvent:
    """A row as it is shown."""
    return AdverseEvent(
        adverseEventId=row["adverse_event_id"],
        alertId=row["alert_id"],
        studyId=row["study_id"],
        siteId=row["site_id"],
        patientId=row["patient_id"],
        term=row["term"],
        grade=row["grade"],
        serious=row["serious"],
        onset=row["onset"],
        description=row["description"],
        reportedAt=row["reported_at"],
        reportedBy=row["reported_name"] or row["reported_by"],
    )


def _key(row: asyncpg.Record) -> _Key:
    return _Key(row["reported_at"], row["adverse_event_id"])
