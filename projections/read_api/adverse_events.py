"""Adverse events: a doctor of the site reports one, from an alert or directly; the site's staff read them."""

from datetime import date, datetime
from typing import Annotated, Final, NamedTuple, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from projections.read_api.actions import Deed, Subject, record
from projections.read_api.bodies import JsonBody, Text, described, json_body
from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.database import Session
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import AdverseEventReporter, Caller, PatientReader
from projections.read_api.ids import known_id
from projections.read_api.problems import ProblemError, not_found, utc_text
from projections.read_api.services import Clock, services
from projections.read_api.visits import patient_key

router = APIRouter(tags=["adverse events"])
_LIST: Final = "adverse events"
_EARLIEST: Final = date(1900, 1, 1)
_FATAL: Final = 5


def _date(value: object) -> date:
    """A date, and no time, number or week."""
    day = date.fromisoformat(value) if isinstance(value, str) else None
    if day is None or day.isoformat() != value:
        raise ValueError("not a date")
    return day


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Description = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\A[^\x00]*\z")]


class NewAdverseEvent(JsonBody):
    """An adverse event as a doctor reports it. ``grade`` is CTCAE's; ``onset`` in the patient's zone."""

    patientId: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\A[^\x00]*\z")]
    alertId: Annotated[str, StringConstraints(max_length=36)] | None = None
    term: Text
    grade: Annotated[int, Field(ge=1, le=5)]
    serious: bool
    onset: Day
    description: Description | None = None

    @model_validator(mode="after")
    def _death_is_serious(self) -> Self:
        if self.grade == _FATAL and not self.serious:
            raise ValueError("grade 5 is serious")
        return self


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


@router.post("/api/v1/adverse-events", status_code=201, openapi_extra=described(NewAdverseEvent))
async def report_adverse_event(
    request: Request,
    caller: AdverseEventReporter,
    body: Annotated[NewAdverseEvent, Depends(json_body(NewAdverseEvent))],
) -> ShownAdverseEvent:
    """Report an adverse event of a patient of the caller's sites; at most one from each alert."""
    held = services(request)
    known, sites, _ = patient_key(body.patientId, caller)
    alert_id = None if body.alertId is None else known_id(body.alertId)
    now, event_id = held.clock(), uuid4()
    async with held.database.transaction() as session:
        fresh = await freshness(held, session)
        patient = await session.row("patient_of_adverse_event", known, sites)
        if patient is None or (alert_id and not await _is_theirs(session, alert_id, caller, known)):
            raise not_found()
        if not _EARLIEST <= body.onset <= now.astimezone(ZoneInfo(patient["time_zone"])).date():
            raise ProblemError(422, "Invalid body", "onset: lies in the future, or before 1900")
        event = AdverseEvent(
            adverseEventId=event_id,
            alertId=alert_id,
            studyId=patient["study_id"],
            siteId=patient["site_id"],
            patientId=known,
            term=body.term,
            grade=body.grade,
            serious=body.serious,
            onset=body.onset,
            description=body.description,
            reportedAt=now,
            reportedBy=await session.value("user_name", caller.user_id) or caller.user_id,
        )
        if not await _added(session, event, caller):
            raise await _reported_already(session, alert_id, caller)
        await _recorded(session, lambda: now, caller, event)
    return ShownAdverseEvent(**event.model_dump(), **fresh.model_dump())


@router.get("/api/v1/adverse-events")
async def adverse_events(
    request: Request,
    caller: PatientReader,
    site_ids: Annotated[
        list[str] | None, Query(alias="siteId", description="Only these sites, of the caller's.")
    ] = None,
    patient_id: Annotated[
        str | None,
        Query(alias="patientId", max_length=64, pattern=r"\A[^\x00]*\z", description="Only theirs."),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AdverseEvents:
    """Adverse events of the caller's sites. Filters narrow; they never show more."""
    held = services(request)
    after = decode_cursor(held.keys, _LIST, cursor, _Key) if cursor else (None, None)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows("adverse_events", caller.within(site_ids), patient_id, *after, limit + 1)
    shown, following = page(held.keys, _LIST, rows, limit, _key)
    return AdverseEvents(
        adverseEvents=[_described(row) for row in shown], nextCursor=following, **fresh.model_dump()
    )


async def _is_theirs(session: Session, alert_id: UUID, caller: Caller, patient_id: str) -> bool:
    """Whether an alert of the caller's sites is this patient's. The lock keeps two reports from it apart."""
    alert = await session.row("alert_in_hand", alert_id, caller.sites)
    return alert is not None and alert["patient_id"] == patient_id


async def _added(session: Session, event: AdverseEvent, caller: Caller) -> bool:
    stored = await session.value(
        "add_adverse_event",
        event.adverseEventId,
        event.alertId,
        event.studyId,
        event.siteId,
        event.patientId,
        event.term,
        event.grade,
        event.serious,
        event.onset,
        event.description,
        event.reportedAt,
        caller.user_id,
    )
    return stored is not None


async def _recorded(session: Session, clock: Clock, caller: Caller, event: AdverseEvent) -> None:
    subject = Subject("adverse_event", event.adverseEventId, event.studyId, event.siteId, event.patientId)
    new = event.model_dump(mode="json")
    data = {name: new[name] for name in _TOLD}
    await record(session, clock, caller, subject, Deed("adverse_event.reported", None, new), data)


_TOLD: Final = (
    "adverseEventId",
    "alertId",
    "studyId",
    "siteId",
    "patientId",
    "grade",
    "serious",
    "reportedAt",
    "reportedBy",
)
"""What an event tells of an adverse event: nothing in words."""


async def _reported_already(session: Session, alert_id: UUID | None, caller: Caller) -> ProblemError:
    row = await session.row("adverse_event_of_alert", alert_id, caller.sites)
    if row is None:
        return not_found()
    first = _described(row)
    return ProblemError(
        409,
        "Already reported",
        "An adverse event was reported from this alert.",
        extra={
            "adverseEventId": str(first.adverseEventId),
            "reportedBy": first.reportedBy,
            "reportedAt": utc_text(first.reportedAt),
        },
    )


def _described(row: asyncpg.Record) -> AdverseEvent:
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
