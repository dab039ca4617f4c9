"""GET /api/v1/compliance and compliance.csv: per site, window and day, who completed what was expected."""

import csv
import io
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Final

import asyncpg
import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from projections.read_api.filters import SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import BoardReader
from projections.read_api.language import Languages, choose
from projections.read_api.problems import ProblemError
from projections.read_api.services import services

router = APIRouter(tags=["sites"])
MAX_DAYS: Final = 93
_USUAL_DAYS: Final = 14
_AHEAD: Final = timedelta(hours=14)  # where clocks are furthest ahead of UTC, today begins this much earlier
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOM: Final = "\ufeff"  # without it spreadsheets read UTF-8 as something else
_names = msgspec.json.Decoder(dict[str, str])


class ComplianceDay(BaseModel):
    """A site's patients on one planned date of one visit.

    Expected = completed + upcoming + open + overdue + missed.
    """

    studyId: str
    purpose: str = Field(description="The study's: production, uat or training.")
    siteId: str
    siteName: str
    visitCode: str
    visitName: str
    visitDate: date
    expected: int
    completed: int = Field(description="On time and late ones.")
    late: int = Field(description="Of the completed: those in the grace period.")
    upcoming: int
    open: int
    overdue: int
    missed: int


class Compliance(Freshness):
    """Every day in the range, oldest first."""

    days: list[ComplianceDay]


class Asked(BaseModel):
    """Which days of which sites."""

    first: date
    last: date
    site_ids: list[str] | None


def _asked(
    request: Request,
    first: Annotated[
        date | None, Query(alias="from", description="First planned date; else two weeks before `to`.")
    ] = None,
    last: Annotated[date | None, Query(alias="to", description="Last planned date; else today.")] = None,
    site_ids: SiteIds = None,
) -> Asked:
    until = last or (services(request).clock() + _AHEAD).date()
    if first is None:
        first = until - timedelta(days=min(_USUAL_DAYS - 1, until.toordinal() - 1))
    if not 0 <= (until - first).days < MAX_DAYS:
        raise ProblemError(422, "Invalid parameters", f"from, to: 1 to {MAX_DAYS} days, oldest first")
    return Asked(first=first, last=until, site_ids=site_ids)


Range = Annotated[Asked, Depends(_asked)]


@router.get("/api/v1/compliance")
async def compliance(request: Request, caller: BoardReader, asked: Range, languages: Languages) -> Compliance:
    """Completion by site, window and day, for the caller's sites. Filters narrow; they never show more."""
    held = services(request)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows(
            "compliance", caller.within(asked.site_ids), asked.first, asked.last, held.clock()
        )
    return Compliance(days=[_day(row, languages) for row in rows], **fresh.model_dump())


@router.get(
    "/api/v1/compliance.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def compliance_csv(
    request: Request, caller: BoardReader, asked: Range, languages: Languages
) -> Response:
    """The same as a table for spreadsheets. ``Eight-Bells-As-Of`` says how fresh it is."""
    found = await compliance(request, caller, asked, languages)
    headers = {
        "Content-Disposition": f'attachment; filename="compliance-{asked.first}-{asked.last}.csv"',
        "Eight-Bells-As-Of": found.asOf.isoformat() if found.asOf else "",
    }
    names = tuple(ComplianceDay.model_fields)
    rows = ([getattr(day, name) for name in names] for day in found.days)
    return Response(as_csv(names, rows), media_type="text/csv; charset=utf-8", headers=headers)


def as_csv(names: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """CSV as RFC 4180 has it, in which no text can act as a formula."""
    text = io.StringIO()
    text.write(_BOM)
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell


def _day(row: asyncpg.Record, languages: list[str]) -> ComplianceDay:
    return ComplianceDay(
        studyId=row["study_id"],
        purpose=row["purpose"],
        siteId=row["site_id"],
        siteName=row["site_name"],
        visitCode=row["visit_code"],
        visitName=choose(_names.decode(row["visit_name"]), languages),
        visitDate=row["planned_date"],
        expected=row["expected"],
        completed=row["completed"],
        late=row["late"],
        upcoming=row["upcoming"],
        open=row["open"],
        overdue=row["overdue"],
        missed=row["missed"],
    )
