"""GET /api/v1/me/schedule: what a patient is asked, and when, with the questions in the reader's language."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import Patient
from projections.read_api.language import Languages, choose
from projections.read_api.problems import not_found
from projections.read_api.services import services
from projections.read_api.visits import Visit, form_instants, seen
from projections.study.instruments import Choice, Instrument, Item

router = APIRouter(tags=["visits"])


class AskedChoice(BaseModel):
    """One answer of a choice; ``value`` is what the report carries."""

    value: int | str
    text: str


class AskedItem(BaseModel):
    """A question. Bounds, unit, length and choices where its type has them."""

    id: str
    type: Literal["number", "integer", "choice", "text", "boolean"]
    text: str
    required: bool
    min: float | None = None
    max: float | None = None
    unit: str | None = None
    maxLength: int | None = None
    choices: list[AskedChoice] | None = None


class AskedInstrument(BaseModel):
    """An instrument in the version that reports are to name, without its scoring and alert rules."""

    instrument: str
    version: str
    title: str
    copyright: str | None = Field(description="The credit line its owners ask for; show it.")
    recallPeriod: str | None
    items: list[AskedItem]


class AskedForm(BaseModel):
    """An instrument of a visit; ``recordedAt`` once a report of it is in."""

    instrument: str
    required: bool
    recordedAt: datetime | None


class ScheduledVisit(Visit):
    """A visit and the instruments to fill in for it."""

    forms: list[AskedForm]


class PatientSchedule(Freshness):
    """The windows that are open, in their grace or yet to come, and every instrument they ask for."""

    patientId: str
    timeZone: str
    visits: list[ScheduledVisit]
    instruments: list[AskedInstrument]


@router.get("/api/v1/me/schedule")
async def schedule(
    request: Request,
    caller: Patient,
    languages: Languages,
    days: Annotated[int, Query(ge=1, le=93, description="How far ahead.")] = 14,
) -> PatientSchedule:
    """The calling patient's windows from now on, in the order in which they open, with their instruments."""
    held = services(request)
    now = held.clock()
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        patient = await session.row("patient_of_user", caller.user_id)
        if patient is None:
            raise not_found()
        rows = await session.rows("visits_ahead", patient["patient_id"], now, now + timedelta(days=days))
        wanted = sorted({name for row in rows for name in (*row["required"], *row["optional"])})
        definitions = await session.rows("current_instruments", patient["study_id"], wanted)
    return PatientSchedule(
        patientId=patient["patient_id"],
        timeZone=patient["time_zone"],
        visits=[_scheduled(row, now, languages) for row in rows],
        instruments=[
            _asked(Instrument.model_validate_json(row["definition"]), languages) for row in definitions
        ],
        **fresh.model_dump(),
    )


def _scheduled(row: asyncpg.Record, now: datetime, languages: list[str]) -> ScheduledVisit:
    recorded = form_instants(row)
    asked = [(name, True) for name in row["required"]] + [(name, False) for name in row["optional"]]
    forms = [
        AskedForm(instrument=name, required=required, recordedAt=recorded.get(name))
        for name, required in asked
    ]
    return ScheduledVisit(**seen(row, now, languages).model_dump(), forms=forms)


def _asked(instrument: Instrument, languages: list[str]) -> AskedInstrument:
    return AskedInstrument(
        instrument=instrument.id,
        version=instrument.version,
        title=choose(instrument.title, languages),
        copyright=instrument.copyright,
        recallPeriod=choose(instrument.recall_period, languages) if instrument.recall_period else None,
        items=[_item(item, languages) for item in instrument.items],
    )


def _item(item: Item, languages: list[str]) -> AskedItem:
    bounds: dict[str, Any] = item.model_dump(include={"min", "max", "unit"})
    choices: tuple[Choice, ...] | None = getattr(item, "choices", None)
    return AskedItem(
        id=item.id,
        type=item.type,
        text=choose(item.text, languages),
        required=item.required,
        maxLength=getattr(item, "max_length", None),
        choices=None
        if choices is None
        else [AskedChoice(value=one.value, text=choose(one.text, languages)) for one in choices],
        **bounds,
    )
