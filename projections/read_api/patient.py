"""GET /api/v1/patients/{patientId}: what enrolment holds of a patient; the name only for those allowed."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import Field

from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import PatientReader
from projections.read_api.language import Languages, choose
from projections.read_api.problems import not_found
from projections.read_api.services import services
from projections.read_api.visits import patient_key

router = APIRouter(tags=["patients"])
_texts = msgspec.json.Decoder(dict[str, str])


class PatientCard(Freshness):
    """A patient's enrolment. ``startDate`` is local to ``timeZone``."""

    patientId: str
    studyId: str
    studyTitle: str
    purpose: Literal["production", "uat", "training"]
    siteId: str
    siteName: str
    timeZone: str
    startDate: date
    consentedFrom: datetime
    consentedUntil: datetime | None
    enrolledAt: datetime
    name: str | None = Field(description="Null where it is hidden, erased, or was never given.")
    contact: str | None
    identityHidden: bool = Field(description="Whether the caller may not know who the patient is.")


@router.get("/api/v1/patients/{patientId}")
async def patient(
    request: Request,
    patient_id: Annotated[str, Path(alias="patientId")],
    caller: PatientReader,
    languages: Languages,
) -> PatientCard:
    """The card of a patient of the caller's sites; any other patient is a 404."""
    held = services(request)
    known, sites, _ = patient_key(patient_id, caller)
    hidden = "patients.identity" not in caller.permissions
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        row = await session.row("patient_card", known, sites)
        if row is None:
            raise not_found()
        identity = None if hidden else await session.row("patient_identity", known, sites)
    return PatientCard(
        patientId=row["patient_id"],
        studyId=row["study_id"],
        studyTitle=choose(_texts.decode(row["study_title"]), languages),
        purpose=row["purpose"],
        siteId=row["site_id"],
        siteName=row["site_name"],
        timeZone=row["time_zone"],
        startDate=row["anchor_date"],
        consentedFrom=row["consented_from"],
        consentedUntil=row["consented_until"],
        enrolledAt=row["enrolled_at"],
        name=identity["name"] if identity else None,
        contact=identity["contact"] if identity else None,
        identityHidden=hidden,
        **fresh.model_dump(),
    )
