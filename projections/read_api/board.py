"""The sites a member of staff may see, and the board: per site and window, who has reported."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import asyncpg
import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from projections.read_api.filters import SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import BoardReader, Staff
from projections.read_api.language import Languages, choose
from projections.read_api.services import services

router = APIRouter(tags=["sites"])
_AROUND_NOW: Final = timedelta(hours=24)
_names = msgspec.json.Decoder(dict[str, str])


class Site(BaseModel):
    """A site of the caller's. ``purpose`` is the study's: production, uat or training."""

    siteId: str
    name: str
    timeZone: str
    studyId: str
    studyTitle: str
    purpose: str


class Sites(Freshness):
    """The sites in the caller's scope."""

    sites: list[Site]


class BoardWindow(BaseModel):
    """One window at one site. Expected = completed + upcoming + open + overdue + missed."""

    siteId: str
    slotId: int
    visitCode: str
    visitName: str
    visitDate: date
    timeZone: str
    opensAt: datetime
    closesAt: datetime
    lateUntil: datetime
    expected: int
    completed: int = Field(description="On time and late ones.")
    late: int = Field(description="Of the completed: those in the grace period.")
    partial: int = Field(description="Not completed, but some required instruments are in.")
    upcoming: int
    open: int
    overdue: int
    missed: int


class Board(Freshness):
    """Every window of the caller's sites that the filters leave."""

    windows: list[BoardWindow]


@router.get("/api/v1/sites")
async def sites(request: Request, caller: Staff, languages: Languages) -> Sites:
    """The sites in the caller's scope."""
    held = services(request)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows("sites", caller.sites)
    found = [
        Site(
            siteId=row["site_id"],
            name=row["name"],
            timeZone=row["time_zone"],
            studyId=row["study_id"],
            studyTitle=choose(_names.decode(row["title"]), languages),
            purpose=row["purpose"],
        )
        for row in rows
    ]
    return Sites(sites=found, **fresh.model_dump())


@router.get("/api/v1/board")
async def board(
    request: Request,
    caller: BoardReader,
    languages: Languages,
    day: Annotated[
        date | None,
        Query(
            alias="date", description="Windows planned for that local date; else those within 24 h of now."
        ),
    ] = None,
    site_ids: SiteIds = None,
) -> Board:
    """Counts per site and window, for the caller's sites. Filters narrow; they never show more."""
    held = services(request)
    now = held.clock()
    wanted = caller.within(site_ids)
    span = (None, None) if day else (now - _AROUND_NOW, now + _AROUND_NOW)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows("board", wanted, day, *span)
    return Board(windows=[window_counts(row, now, languages) for row in rows], **fresh.model_dump())


def window_counts(row: asyncpg.Record, now: datetime, languages: Sequence[str]) -> BoardWindow:
    """One row of the board: what is not completed is upcoming, open, overdue or missed as the clock says."""
    completed = row["on_time"] + row["late"]
    rest = row["expected"] - completed
    state = _phase(row, now)
    counts: dict[str, Any] = {name: rest if name == state else 0 for name in _PHASES}
    return BoardWindow(
        siteId=row["site_id"],
        slotId=row["slot_id"],
        visitCode=row["visit_code"],
        visitName=choose(_names.decode(row["visit_name"]), languages),
        visitDate=row["planned_date"],
        timeZone=row["time_zone"],
        opensAt=row["opens_at"],
        closesAt=row["closes_at"],
        lateUntil=row["late_until"],
        expected=row["expected"],
        completed=completed,
        late=row["late"],
        partial=row["partial"],
        **counts,
    )


_PHASES: Final = ("upcoming", "open", "overdue", "missed")


def _phase(row: asyncpg.Record, now: datetime) -> str:
    bounds = (row["opens_at"], row["closes_at"], row["late_until"])
    return _PHASES[sum(now >= bound for bound in bounds)]
