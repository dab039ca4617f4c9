"""POST /api/v1/adverse-events: a doctor of the site reports one, from an alert or directly."""

from datetime import date
from typing import Annotated, Final, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Request
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from projections.read_api.actions import Deed, Subject, record
from projections.read_api.adverse_events import AdverseEvent, ShownAdverseEvent, shown
from projections.read_api.bodies import JsonBody, Text, described, json_body
from projections.read_api.database import Session
from projections.read_api.freshness import freshness
from projections.read_api.identity import AdverseEventReporter, Caller
from projections.read_api.ids import known_id
from projections.read_api.problems import ProblemError, not_found, utc_text
from projections.read_api.services import Services, services
from projections.read_api.visits import patient_key

router = APIRouter(tags=["adverse events"])
_EARLIEST: Final = date(1900, 1, 1)
_FATAL: Final = 5


def _date(value: object) -> date:
    """A date, and no time, number or week."""
    day = date.fromisoformat(value) if isinstance(value, str) else None
    if day is None or day.isoformat() != value:
        raise ValueError("not a date")
    return day


def _unquoted(value: str | None) -> str | None:
    return None if value is None else value.strip('"')


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Description = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"\A[^\x00]*\z")]


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=66,
        pattern=r'\A(?:"[!#-\[\]-~]{1,64}"|[!#-\[\]-~]{1,64})\z',
        description="A UUID or the like, in quotes or without, that the client makes for each report.",
    ),
    AfterValidator(_unquoted),
]


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


@router.post("/api/v1/adverse-events", status_code=201, openapi_extra=described(NewAdverseEvent))
async def report_adverse_event(
    request: Request,
    caller: AdverseEventReporter,
    body: Annotated[NewAdverseEvent, Depends(json_body(NewAdverseEvent))],
    key: IdempotencyKey = None,
) -> ShownAdverseEvent:
    """Report an adverse event of a patient of the caller's sites; at most one from each alert.

    With the header Idempotency-Key it can be sent again when the answer was lost: the same report under the
    same key is the same adverse event, and another one under that key is refused with a 422.
    """
    held = services(request)
    known, sites, _ = patient_key(body.patientId, caller)
    alert_id = None if body.alertId is None else known_id(body.alertId)
    now, event_id = held.clock(), uuid4()
    async with held.database.transaction() as session:
        fresh = await freshness(held, session)
        if before := await _reported_under(session, key, caller, body, alert_id):
            return ShownAdverseEvent(**before.model_dump(), **fresh.model_dump())
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
        if not await _added(session, event, caller, key):
            if before := await _reported_under(session, key, caller, body, alert_id):
                return ShownAdverseEvent(**before.model_dump(), **fresh.model_dump())
            raise await _reported_already(session, alert_id, caller)
        await _recorded(held, session, caller, event)
    return ShownAdverseEvent(**event.model_dump(), **fresh.model_dump())


async def _is_theirs(session: Session, alert_id: UUID, caller: Caller, patient_id: str) -> bool:
    """Whether an alert of the caller's sites is this patient's. The lock keeps two reports from it apart."""
    alert = await session.row("alert_in_hand", alert_id, caller.sites)
    return alert is not None and alert["patient_id"] == patient_id


async def _reported_under(
    session: Session, key: str | None, caller: Caller, body: NewAdverseEvent, alert_id: UUID | None
) -> AdverseEvent | None:
    """What the caller reported under this key before; None where that is nothing.

    Raises:
        ProblemError: 422 where it was another report, 404 where its site is not the caller's any more.
    """
    row = None if key is None else await session.row("adverse_event_of_key", caller.user_id, key)
    if row is None:
        return None
    if row["site_id"] not in caller.sites:
        raise not_found()
    event = shown(row)
    asked = body.model_dump() | {"alertId": alert_id}
    if event.model_dump(include=set(asked)) != asked:
        raise ProblemError(422, "Key already used", "Idempotency-Key: another report was sent with it.")
    return event


async def _added(session: Session, event: AdverseEvent, caller: Caller, key: str | None) -> bool:
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
        key,
    )
    return stored is not None


async def _recorded(held: Services, session: Session, caller: Caller, event: AdverseEvent) -> None:
    subject = Subject("adverse_event", event.adverseEventId, event.studyId, event.siteId, event.patientId)
    new = event.model_dump(mode="json")
    data = {name: new[name] for name in _TOLD}
    await record(held, session, caller, subject, Deed("adverse_event.reported", None, new), data)


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
    first = shown(row)
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
