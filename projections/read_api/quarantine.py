"""GET /api/v1/quarantine: what could not be read or placed, of patients of the caller's sites."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.filters import SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import QuarantineReader
from projections.read_api.patient_reports import Place, place
from projections.read_api.services import services

router = APIRouter(tags=["quarantine"])
_LIST: Final = "quarantine"


class QuarantineRow(BaseModel):
    """A record in quarantine. What it says of itself may be wrong: that is why it is here."""

    partition: int
    offset: int
    receivedAt: datetime
    reason: str
    patientId: str
    reportId: UUID | None
    instrument: str | None
    siteId: str
    userId: str | None = Field(description="Who sent it.")
    role: str | None


class Quarantine(Freshness):
    """A page of the quarantine, newest first."""

    rows: list[QuarantineRow]
    nextCursor: str | None


@router.get("/api/v1/quarantine")
async def quarantine(
    request: Request,
    caller: QuarantineReader,
    site_ids: SiteIds = None,
    reason: Annotated[
        str | None, Query(max_length=64, pattern=r"\A[a-z_]*\z", description="Only this reason.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Quarantine:
    """Records in quarantine of the caller's sites. One that names no patient of ours belongs to no site."""
    held = services(request)
    after = decode_cursor(held.keys, _LIST, cursor, Place) if cursor else (None,) * 4
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows("quarantined", caller.within(site_ids), reason, *after, limit + 1)
    shown, following = page(held.keys, _LIST, rows, limit, place)
    return Quarantine(
        rows=[
            QuarantineRow(
                partition=row["kafka_partition"],
                offset=row["kafka_offset"],
                receivedAt=row["received_at"],
                reason=row["reason"],
                patientId=row["patient_id"],
                reportId=row["report_id"],
                instrument=row["instrument"],
                siteId=row["site_id"],
                userId=row["user_id"],
                role=row["role"],
            )
            for row in shown
        ],
        nextCursor=following,
        **fresh.model_dump(),
    )
