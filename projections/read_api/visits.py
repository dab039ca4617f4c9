"""GET /api/v1/trial/patients/{patientId}/visits: a patient's visits with their status."""

from collections.abc import Container, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from projections.read_api.explanations import explain
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import Caller, Reader
from projections.read_api.language import Languages, choose
from projections.read_api.problems import ProblemError, not_found
from projections.read_api.services import services
from projections.schedule import (
    STATUS,
    StatusCode,
    Timeliness,
    VisitState,
    Window,
    completion,
    recorded_instant,
    status_at,
)

router = APIRouter(tags=["visits"])
MAX_ID_CHARACTERS: Final = 64


class Visit(BaseModel):
    """One visit. ``visitDate`` is the planned date in the patient's zone; instants are UTC."""

    visitId: str
    visitName: str
    visitDate: date
    status: Literal["已完成", "待进行", "已逾期", "已取消"]
    statusCode: StatusCode
    timeliness: Timeliness | None
    opensAt: datetime
    closesAt: datetime
    lateUntil: datetime
    timeZone: str
    completedAt: datetime | None = Field(description="When the last required instrument was recorded.")
    receivedAt: datetime | None = Field(description="When the last of them reached us.")
    explanation: str


class Visits(Freshness):
    """A patient's visits, in the order in which their windows open."""

    patientId: str
    visits: list[Visit]


class Form(msgspec.Struct, frozen=True):
    """What visits.forms keeps per instrument."""

    reportId: UUID
    recordedAt: datetime
    receivedAt: datetime


_forms = msgspec.json.Decoder(dict[str, Form])
_names = msgspec.json.Decoder(dict[str, str])


@router.get("/api/v1/trial/patients/{patientId}/visits")
async def visits(
    request: Request,
    patient_id: Annotated[str, Path(alias="patientId")],
    caller: Reader,
    languages: Languages,
    as_of: Annotated[
        AwareDatetime | None,
        Query(alias="asOf", description="A past instant: what had been committed by then."),
    ] = None,
    include: Annotated[Literal["cancelled"] | None, Query(description="List cancelled visits too.")] = None,
) -> Visits:
    """The visits of a patient in the caller's scope; any other patient is a 404."""
    held = services(request)
    now = held.clock()
    if as_of is not None and as_of > now:
        raise ProblemError(422, "Invalid parameters", "asOf: lies in the future")
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        patient = await session.row("patient_in_scope", *patient_key(patient_id, caller))
        if patient is None:
            raise not_found()
        rows = await session.rows("visits_of_patient", patient_id)
        committed = None
        if as_of is not None:
            committed = {row[0] for row in await session.rows("reports_committed_by", patient_id, as_of)}
    instant = as_of or now
    known = (
        [] if patient["enrolled_at"] > instant else [seen(row, instant, languages, committed) for row in rows]
    )
    return Visits(
        patientId=patient_id,
        visits=[visit for visit in known if include or visit.statusCode != "cancelled"],
        asOf=as_of or fresh.asOf,
        lag=fresh.lag,
    )


def patient_key(patient_id: str, caller: Caller) -> tuple[str, tuple[str, ...], str | None]:
    """The arguments that find a patient where, and only where, the caller may know of him.

    Raises:
        ProblemError: 404 for an id no patient can have.
    """
    if not 1 <= len(patient_id) <= MAX_ID_CHARACTERS or "\0" in patient_id:
        raise not_found()
    return patient_id, caller.sites, caller.user_id if caller.claims.role == "patient" else None


def seen(
    row: asyncpg.Record, instant: datetime, languages: Sequence[str], committed: Container[UUID] | None = None
) -> Visit:
    """A visit as it stands at ``instant``, by the reports that had been ``committed``; by all where None."""
    forms = {
        instrument: form
        for instrument, form in _forms.decode(row["forms"] or b"{}").items()
        if committed is None or form.reportId in committed
    }
    window = Window(row["opens_at"], row["closes_at"], row["late_until"])
    state = VisitState(
        window,
        tuple(row["required"]),
        {name: recorded_instant(form.recordedAt, form.receivedAt).at for name, form in forms.items()},
        row["cancelled_at"],
        tuple(row["optional"]),
    )
    code, done = status_at(state, instant), completion(state)
    return Visit(
        visitId=row["visit_id"],
        visitName=choose(_names.decode(row["visit_name"]), languages),
        visitDate=row["planned_date"],
        status=_STATUS[code],
        statusCode=code,
        timeliness=done.timeliness if done else None,
        opensAt=window.opens_at,
        closesAt=window.closes_at,
        lateUntil=window.late_until,
        timeZone=row["time_zone"],
        completedAt=done.completed_at if done else None,
        receivedAt=max(forms[name].receivedAt for name in state.required) if done else None,
        explanation=explain(code, state, done, row["time_zone"], languages),
    )


def form_instants(row: asyncpg.Record) -> dict[str, datetime]:
    """When each instrument that is in was recorded, as it counts."""
    forms = _forms.decode(row["forms"] or b"{}")
    return {name: recorded_instant(form.recordedAt, form.receivedAt).at for name, form in forms.items()}


_STATUS: Final[Any] = STATUS
