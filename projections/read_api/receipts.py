"""GET /api/v1/receipts/{reportId}: what became of a report."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from projections.read_api.database import Session
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import Reader
from projections.read_api.ids import known_id
from projections.read_api.problems import not_found
from projections.read_api.services import services
from projections.read_api.visits import patient_key

router = APIRouter(tags=["receipts"])


class Receipt(Freshness):
    """What became of a report.

    ``projected``: it is in the trial's record. ``quarantined``: kept, and a person looks at it (``reason``).
    ``superseded``: a later report amends it (``by``). ``accepted``: durable, not looked at yet.
    """

    reportId: str
    state: Literal["projected", "quarantined", "superseded", "accepted"]
    reason: str | None = Field(None, description="Why it is in quarantine.")
    by: str | None = Field(None, description="The id of the report that amends it.")
    receivedAt: datetime | None = Field(None, description="The broker's time.")


Place = tuple[int, int]


@router.get("/api/v1/receipts/{reportId}")
async def receipt(
    request: Request,
    report_id: Annotated[str, Path(alias="reportId")],
    caller: Reader,
    partition: Annotated[int | None, Query(ge=0, le=2**15 - 1, description="Of the receipt.")] = None,
    offset: Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Of the receipt.")] = None,
    patient_id: Annotated[
        str | None, Query(alias="patientId", description="Whose report; needed only where staff see two.")
    ] = None,
) -> Receipt:
    """The state of a report of a patient in the caller's scope; any other report is a 404.

    A repeat of a report is answered as the report itself. With the receipt's partition and offset the answer
    is about what lies there, so that another content under a known id shows as the conflict it is.
    """
    held = services(request)
    wanted = known_id(report_id)
    place = None if partition is None or offset is None else (partition, offset)
    _, sites, own = patient_key(patient_id or "-", caller)
    scope = (wanted, sites, patient_id, own)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        to_come = await _is_to_come(session, place)  # before the row is looked for, which may come meanwhile
        found = await _quarantined_at(session, scope, place) or await session.row("owner_of_report", *scope)
        if found is None and not to_come:
            raise not_found()
    if found is None:
        return Receipt(reportId=str(wanted), state="accepted", **fresh.model_dump())
    return _described(wanted, found, fresh)


async def _quarantined_at(
    session: Session, scope: tuple[object, ...], place: Place | None
) -> asyncpg.Record | None:
    if place is None:
        return None
    row = await session.row("report_at", *scope, *place)
    return row if row is not None and row["disposition"] == "quarantined" else None


async def _is_to_come(session: Session, place: Place | None) -> bool:
    """Whether nothing can be known of that place yet: its offset is not committed, or no offset there is.

    It says nothing about anybody's report, so it needs no scope.
    """
    if place is None:
        return False
    partition, offset = place
    next_offset = await session.value("next_offset", partition)
    return next_offset is None or offset >= next_offset


def _described(report_id: UUID, row: asyncpg.Record, fresh: Freshness) -> Receipt:
    by = row.get("superseded_by")
    quarantined = row["disposition"] == "quarantined"
    return Receipt(
        reportId=str(report_id),
        state="quarantined" if quarantined else "superseded" if by else "projected",
        reason=row["reason"],
        by=str(by) if by and not quarantined else None,
        receivedAt=row["received_at"],
        **fresh.model_dump(),
    )
