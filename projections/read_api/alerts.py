"""GET /api/v1/alerts, and one of them: what alarming answers the caller's patients gave."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from ingest_gateway.contracts.report import Answer, MalformedJson, WrongEnvelope, decode_report
from projections.read_api.alert_texts import Definition, alert_text, definitions, instrument_key
from projections.read_api.cursors import Cursor, Limit, decode_cursor, page
from projections.read_api.database import Session
from projections.read_api.filters import PatientId, SiteIds
from projections.read_api.freshness import Freshness, freshness
from projections.read_api.identity import PatientReader
from projections.read_api.ids import known_id
from projections.read_api.language import Languages
from projections.read_api.problems import not_found
from projections.read_api.services import services

router = APIRouter(tags=["alerts"])
_LIST: Final = "alerts"
_NONE: Final = Definition()

Level = Literal["routine", "urgent", "critical"]
State = Literal["open", "acknowledged", "assessed", "closed"]
Assessment = Literal["not_ae", "ae", "sae"]


class Alert(BaseModel):
    """An alert. Who did something is told by user name, or by user id where there is none."""

    alertId: UUID
    ruleId: str
    level: Level
    text: str = Field(description="In the caller's language; never the patient's answer.")
    state: State
    studyId: str
    siteId: str
    patientId: str
    reportId: UUID
    visitId: str | None = Field(description="Where the report was placed.")
    instrument: str
    instrumentVersion: str
    item: str
    recordedAt: datetime = Field(description="As the phone says.")
    receivedAt: datetime
    delaySeconds: float = Field(
        description="From one to the other; negative where the phone's clock is ahead."
    )
    raisedAt: datetime
    marks: list[str] = Field(
        description="What to know of the report: quarantined, late, unscheduled, extra, amendment, "
        "and its clock's and its answer's flags."
    )
    reason: str | None = Field(description="Why the report is in quarantine.")
    acknowledgedAt: datetime | None
    acknowledgedBy: str | None
    assessment: Assessment | None
    assessedAt: datetime | None
    assessedBy: str | None
    outcome: str | None
    closedAt: datetime | None
    closedBy: str | None
    adverseEventId: UUID | None = Field(description="Of the adverse event that was reported from it.")


class Counts(BaseModel):
    """Open alerts of the caller's sites, whatever the filters."""

    critical: int = 0
    urgent: int = 0
    routine: int = 0


class Alerts(Freshness):
    """A page of alerts, those raised last first."""

    alerts: list[Alert]
    nextCursor: str | None
    counts: Counts


class Who(BaseModel):
    """A user."""

    userId: str
    username: str | None


class Action(BaseModel):
    """What a person did."""

    at: datetime
    who: Who
    role: str
    what: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    why: str | None


class ShownAlert(Alert, Freshness):
    """One alert."""


class AlertDetail(ShownAlert):
    """One alert with what people did about it."""

    answer: Answer = Field(
        None, description="What the patient answered; absent without the permission answers.read."
    )
    history: list[Action]


class _Key(NamedTuple):
    raised_at: datetime
    alert_id: UUID


_json = msgspec.json.Decoder(dict[str, Any])
AlertId = Annotated[str, Path(alias="alertId")]


@router.get("/api/v1/alerts")
async def alerts(
    request: Request,
    caller: PatientReader,
    languages: Languages,
    states: Annotated[list[State] | None, Query(alias="state", description="Only in these states.")] = None,
    levels: Annotated[list[Level] | None, Query(alias="level", description="Only of these levels.")] = None,
    site_ids: SiteIds = None,
    patient_id: PatientId = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Alerts:
    """Alerts of the caller's sites, with how many are open. Filters narrow; they never show more."""
    held = services(request)
    after = decode_cursor(held.keys, _LIST, cursor, _Key) if cursor else (None, None)
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        rows = await session.rows(
            "alerts", caller.within(site_ids), states, levels, patient_id, *after, limit + 1
        )
        known = await definitions(session, rows)
        counts = {row[0]: row[1] for row in await session.rows("open_alerts", caller.sites)}
    shown, following = page(held.keys, _LIST, rows, limit, _key)
    return Alerts(
        alerts=[described(row, known, languages) for row in shown],
        nextCursor=following,
        counts=Counts(**counts),
        **fresh.model_dump(),
    )


@router.get("/api/v1/alerts/{alertId}", response_model_exclude_unset=True)
async def alert(
    request: Request, alert_id: AlertId, caller: PatientReader, languages: Languages
) -> AlertDetail:
    """An alert of the caller's sites, its history, and the answer for those who may read answers."""
    held = services(request)
    wanted = known_id(alert_id)
    answers: dict[str, Any] = {}
    async with held.database.session() as session:
        fresh = await freshness(held, session)
        found = await read_alert(session, wanted, caller.sites, languages)
        history = await session.rows("history_of_alert", wanted)
        if "answers.read" in caller.permissions:
            value = await session.value("report_of_alert", wanted, caller.sites)
            answers["answer"] = _answer(value, found.item)
    return AlertDetail(
        **found.model_dump(), **fresh.model_dump(), **answers, history=[_action(row) for row in history]
    )


async def read_alert(
    session: Session, alert_id: UUID, sites: Sequence[str], languages: Sequence[str]
) -> Alert:
    """One alert of these sites, as it stands.

    Raises:
        ProblemError: 404 for any other.
    """
    row = await session.row("alert", alert_id, sites)
    if row is None:
        raise not_found()
    return described(row, await definitions(session, [row]), languages)


def described(
    row: asyncpg.Record, known: Mapping[tuple[str, str, str], Definition], languages: Sequence[str]
) -> Alert:
    """An alert's row as it is shown."""
    return Alert(
        alertId=row["alert_id"],
        ruleId=row["rule_id"],
        level=row["level"],
        text=alert_text(known.get(instrument_key(row), _NONE), row["rule_id"], languages),
        state=row["state"],
        studyId=row["study_id"],
        siteId=row["site_id"],
        patientId=row["patient_id"],
        reportId=row["report_id"],
        visitId=row["visit_id"],
        instrument=row["instrument"],
        instrumentVersion=row["instrument_version"],
        item=row["item"],
        recordedAt=row["recorded_at"],
        receivedAt=row["received_at"],
        delaySeconds=round((row["received_at"] - row["recorded_at"]).total_seconds(), 3),
        raisedAt=row["raised_at"],
        marks=row["marks"],
        reason=row["reason"],
        acknowledgedAt=row["acknowledged_at"],
        acknowledgedBy=row["acknowledged_name"] or row["acknowledged_by"],
        assessment=row["assessment"],
        assessedAt=row["assessed_at"],
        assessedBy=row["assessed_name"] or row["assessed_by"],
        outcome=row["outcome"],
        closedAt=row["closed_at"],
        closedBy=row["closed_name"] or row["closed_by"],
        adverseEventId=row["adverse_event_id"],
    )


def _key(row: asyncpg.Record) -> _Key:
    return _Key(row["raised_at"], row["alert_id"])


def _answer(value: bytes | None, item: str) -> Answer:
    """The answer in a report's bytes, which an older contract may have read that this one does not."""
    try:
        return decode_report(value).answers.get(item) if value else None
    except (MalformedJson, WrongEnvelope):
        return None


def _action(row: asyncpg.Record) -> Action:
    return Action(
        at=row["at"],
        who=Who(userId=row["user_id"], username=row["username"]),
        role=row["role"],
        what=row["what"],
        old=_json.decode(row["old"]) if row["old"] else None,
        new=_json.decode(row["new"]) if row["new"] else None,
        why=row["why"],
    )
