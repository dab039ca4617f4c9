"""GET /api/v1/patients: the patients of the caller's sites, who is behind and who has open alerts."""

from datetime import date, datetime
from typing import Annotated, Final, Literal, NamedTuple

import asyncpg
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.filters import SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import PatientReader
from projections.read_api.services import services

router = APIRouter(tags=["patients"])
_LIST: Final = "patients"
_NO_NUL: Final = r"\A[^\x00]*\z"


class PatientRow(BaseModel):
    """A patient in the list. Expected = completed + open + overdue + missed."""

    patientId: str
    siteId: str
    siteName: str
    timeZone: str
    startDate: date
    expected: int = Field(description="Visits whose window has opened, without cancelled ones.")
    completed: int = Field(description="On time and late ones.")
    late: int = Field(description="Of the completed: those in the grace period.")
    open: int
    overdue: int
    missed: int
    lastReceivedAt: datetime | None = Field(description="When the patient's newest report reached us.")
    openAlerts: int = Field(description="Alerts that nobody has acknowledged.")


class Patients(Freshness):
    """A page of patients, in the order of their ids."""

    patients: list[PatientRow]
    nextCursor: str | None


class After(NamedTuple):
    """Where a page ends."""

    patient_id: str


Status = Literal["on_track", "overdue", "missed", "alert"]


@router.get("/api/v1/patients")
async def patients(
    request: Request,
    caller: PatientReader,
    query: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=64,
            pattern=_NO_NUL,
            description="Part of a patient's id; of the name too, for those who may know names.",
        ),
    ] = None,
    site_ids: SiteIds = None,
    status: Annotated[
        Status | None,
        Query(
            description="Something is overdue now; something was missed; an alert is open; or none of these."
        ),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Patients:
    """Patients of the caller's sites. Filters narrow; they never show more."""
    held = services(request)
    after = decode_cursor(held.keys, _LIST, cursor, After).patient_id if cursor else None
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows(
            "patients",
            caller.within(site_ids),
            after,
            query,
            "patients.identity" in caller.permissions,
            status,
            held.clock(),
            limit + 1,
        )
    shown, following = page(held.keys, _LIST, rows, limit, lambda row: After(row["patient_id"]))
    return Patients(patients=[_seen(row) for row in shown], nextCursor=following, **fresh.model_dump())


def _seen(row: asyncpg.Record) -> PatientRow:
    return PatientRow(
        patientId=row["patient_id"],
        siteId=row["site_id"],
        siteName=row["site_name"],
        timeZone=row["time_zone"],
        startDate=row["anchor_date"],
        expected=row["completed"] + row["open"] + row["overdue"] + row["missed"],
        completed=row["completed"],
        late=row["late"],
        open=row["open"],
        overdue=row["overdue"],
        missed=row["missed"],
        lastReceivedAt=row["last_received_at"],
        openAlerts=row["open_alerts"],
    )
