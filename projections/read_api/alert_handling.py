"""Acknowledging, assessing and closing alerts: each once, by whoever was first."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints

from projections.read_api.actions import Deed, Subject, record
from projections.read_api.alerts import Alert, AlertId, Assessment, ShownAlert, read_alert
from projections.read_api.bodies import JsonBody, Text, described, json_body
from projections.read_api.database import Session
from projections.read_api.freshness import freshness
from projections.read_api.identity import AlertAcknowledger, AlertAssessor, Caller
from projections.read_api.ids import known_id
from projections.read_api.language import Languages
from projections.read_api.problems import ProblemError, not_found, utc_text
from projections.read_api.services import Services, services

router = APIRouter(tags=["alerts"])
Note = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\A[^\x00]*\z")]
_WORDS: Final = {"text", "outcome"}


class Acknowledgement(JsonBody):
    """Somebody has seen it."""

    note: Note | None = None


class AssessmentMade(JsonBody):
    """What a doctor makes of it. ``replaces`` names the assessment that this one corrects; then say why."""

    assessment: Assessment
    note: Note | None = None
    replaces: Assessment | None = None


class Closing(JsonBody):
    """How it ended."""

    outcome: Text = Field(description="In the doctor's words, or the study's.")
    note: Note | None = None


@router.post("/api/v1/alerts/{alertId}/acknowledge", openapi_extra=described(Acknowledgement))
async def acknowledge(
    request: Request,
    alert_id: AlertId,
    caller: AlertAcknowledger,
    languages: Languages,
    body: Annotated[Acknowledgement, Depends(json_body(Acknowledgement))],
) -> ShownAlert:
    """Acknowledge an alert. The first one counts: the next is told who it was, with a 409."""
    held = services(request)
    async with held.database.transaction() as session:
        before, mine = await _in_hand(session, known_id(alert_id), caller, languages, "acknowledged_by")
        if before.state != "open":
            if not mine:
                raise _already(
                    "acknowledged",
                    acknowledgedBy=before.acknowledgedBy,
                    acknowledgedAt=utc_text(before.acknowledgedAt),
                )
            return await _shown(held, session, before)
        await session.rows("acknowledge_alert", before.alertId, held.clock(), caller.user_id)
        deed = Deed("alert.acknowledged", {"state": "open"}, {"state": "acknowledged"}, body.note)
        return await _done(held, session, caller, before, deed, languages)


@router.post("/api/v1/alerts/{alertId}/assess", openapi_extra=described(AssessmentMade))
async def assess(
    request: Request,
    alert_id: AlertId,
    caller: AlertAssessor,
    languages: Languages,
    body: Annotated[AssessmentMade, Depends(json_body(AssessmentMade))],
) -> ShownAlert:
    """Assess an acknowledged alert; correct an assessment by naming it, with a note, until it is closed."""
    if body.replaces is not None and body.note is None:
        raise ProblemError(422, "Invalid body", "note: say why the assessment is corrected")
    held = services(request)
    async with held.database.transaction() as session:
        before, mine = await _in_hand(session, known_id(alert_id), caller, languages, "assessed_by")
        if before.state == "open":
            raise ProblemError(409, "Not acknowledged", "An alert is acknowledged before it is assessed.")
        if before.assessment == body.assessment and mine:
            return await _shown(held, session, before)
        if before.state == "closed" or before.assessment != body.replaces:
            raise _already(
                "closed" if before.state == "closed" else "assessed",
                assessment=before.assessment,
                assessedBy=before.assessedBy,
                assessedAt=utc_text(before.assessedAt),
            )
        await session.rows("assess_alert", before.alertId, held.clock(), caller.user_id, body.assessment)
        old = {"state": before.state, "assessment": before.assessment}
        new = {"state": "assessed", "assessment": body.assessment}
        deed = Deed("alert.assessed", old, new, body.note)
        return await _done(held, session, caller, before, deed, languages)


@router.post("/api/v1/alerts/{alertId}/close", openapi_extra=described(Closing))
async def close(
    request: Request,
    alert_id: AlertId,
    caller: AlertAssessor,
    languages: Languages,
    body: Annotated[Closing, Depends(json_body(Closing))],
) -> ShownAlert:
    """Close an assessed alert with its outcome; nothing opens it again."""
    held = services(request)
    async with held.database.transaction() as session:
        before, mine = await _in_hand(session, known_id(alert_id), caller, languages, "closed_by")
        if before.state == "closed":
            if not mine or before.outcome != body.outcome:
                raise _already("closed", closedBy=before.closedBy, closedAt=utc_text(before.closedAt))
            return await _shown(held, session, before)
        if before.state != "assessed":
            raise ProblemError(409, "Not assessed", "An alert is assessed before it is closed.")
        await session.rows("close_alert", before.alertId, held.clock(), caller.user_id, body.outcome)
        new = {"state": "closed", "outcome": body.outcome}
        deed = Deed("alert.closed", {"state": "assessed"}, new, body.note)
        return await _done(held, session, caller, before, deed, languages)


async def _in_hand(
    session: Session, alert_id: UUID, caller: Caller, languages: Sequence[str], by: str
) -> tuple[Alert, bool]:
    """An alert that nobody else changes until the transaction ends; whether the caller stands in ``by``."""
    locked = await session.row("alert_in_hand", alert_id, caller.sites)
    if locked is None:
        raise not_found()
    return await read_alert(session, alert_id, caller.sites, languages), locked[by] == caller.user_id


async def _done(
    held: Services, session: Session, caller: Caller, before: Alert, deed: Deed, languages: Sequence[str]
) -> ShownAlert:
    after = await read_alert(session, before.alertId, caller.sites, languages)
    subject = Subject("alert", after.alertId, after.studyId, after.siteId, after.patientId)
    await record(held, session, caller, subject, deed, event_data(after))
    return await _shown(held, session, after)


async def _shown(held: Services, session: Session, alert: Alert) -> ShownAlert:
    fresh = await freshness(held, session)
    return ShownAlert(**alert.model_dump(), **fresh.model_dump())


def event_data(alert: Alert) -> dict[str, Any]:
    """What an event tells of an alert: everything but words."""
    return alert.model_dump(mode="json", exclude=_WORDS)


def _already(what: str, **who: str | None) -> ProblemError:
    return ProblemError(409, f"Already {what}", f"Somebody else has {what} this alert.", extra=who)
