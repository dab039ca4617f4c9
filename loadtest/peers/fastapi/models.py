"""The report and its receipt as pydantic models: the contract's envelope, field by field."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from ingest_gateway.contracts.report import FIRST_YEAR, LAST_YEAR, MAX_ANSWER_CHARACTERS, MAX_ANSWERS

_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_TIME_ZONES = frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _TIME_ZONES:
        raise ValueError("not an IANA time zone")
    return name


def _plausible_year(instant: datetime) -> datetime:
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError("outside the years that are possible")
    return instant


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=64, strict=True), AfterValidator(_without_nul)
]
Version = Annotated[
    str, StringConstraints(min_length=1, max_length=32, strict=True), AfterValidator(_without_nul)
]
ReportId = Annotated[str, StringConstraints(pattern=_UUID, strict=True)]
Text = Annotated[
    str, StringConstraints(max_length=MAX_ANSWER_CHARACTERS, strict=True), AfterValidator(_without_nul)
]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, strict=True), AfterValidator(_without_nul)
]
Language = Annotated[
    str, StringConstraints(min_length=2, max_length=35, strict=True), AfterValidator(_without_nul)
]
Answer = bool | int | float | Text | list[Text] | None


class Report(BaseModel):
    """One report's envelope."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reportId: ReportId
    patientId: Identifier
    instrument: Identifier
    instrumentVersion: Version
    recordedAt: Annotated[AwareDatetime, AfterValidator(_plausible_year)]
    timeZone: Annotated[str, AfterValidator(_known_zone)]
    answers: Annotated[dict[Identifier, Answer], Field(max_length=MAX_ANSWERS)]
    visitId: Identifier | None = None
    studyId: Identifier | None = None
    deviceId: Identifier | None = None
    sequence: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)] | None = None
    respondent: Literal["self", "caregiver", "interviewer"] | None = None
    amends: ReportId | None = None
    reason: Reason | None = None
    onBehalfReason: Reason | None = None
    language: Language | None = None
    clockOffsetMs: Annotated[int, Field(ge=-(2**31), le=2**31 - 1, strict=True)] | None = None


class Receipt(BaseModel):
    """Where the report lies."""

    partition: int
    offset: int | None
    sha256: str
    receivedAt: str


class Accepted(BaseModel):
    """The body of a 202."""

    reportId: str
    status: Literal["accepted"] = "accepted"
    receipt: Receipt


class Claims(BaseModel):
    """What this service reads of a token."""

    model_config = ConfigDict(frozen=True)

    userId: str
    role: Literal["patient", "doctor", "admin"]
    patientId: str | None = None
    studyId: str | None = None
