"""The report as a patient's app sends it: its envelope, and what makes one readable."""

import re
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

import msgspec

MAX_REPORT_BYTES = 64 * 1024
MAX_BATCH_BYTES = 1024 * 1024
MAX_BATCH_REPORTS = 500
MAX_ANSWERS = 200
MAX_ANSWER_CHARACTERS = 10_000
FIRST_YEAR, LAST_YEAR = 2000, 2100

_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
_TIME_ZONES = frozenset(available_timezones())
_ECHOED_FIELD = re.compile(r"unknown field `([A-Za-z][A-Za-z0-9_]{0,39})`")

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
ReportId = Annotated[str, msgspec.Meta(pattern=_UUID)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_ANSWER_CHARACTERS)]
Answer = None | bool | int | float | Text | list[Text]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One report's envelope (contract, "Reports"); what needs the instrument is the worker's to judge.

    ``recordedAt`` is when the patient tapped submit, aware, in whatever offset the phone wrote.
    ``sequence`` counts 1, 2, 3 … per patient and device. ``clockOffsetMs`` is in milliseconds.
    """

    reportId: ReportId
    patientId: Identifier
    instrument: Identifier
    instrumentVersion: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    recordedAt: Annotated[datetime, msgspec.Meta(tz=True)]
    timeZone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    answers: Annotated[dict[Identifier, Answer], msgspec.Meta(max_length=MAX_ANSWERS)]
    visitId: Identifier | None = None
    studyId: Identifier | None = None
    deviceId: Identifier | None = None
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    respondent: Literal["self", "caregiver", "interviewer"] | None = None
    amends: ReportId | None = None
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    onBehalfReason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    language: Annotated[str, msgspec.Meta(min_length=2, max_length=35)] | None = None
    clockOffsetMs: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None

    @property
    def report_id(self) -> str:
        """The report's id in lower case: ids are read case-insensitively."""
        return self.reportId.lower()


class MalformedJson(ValueError):
    """The bytes are not JSON: an HTTP 400. The message says what is wrong and holds nothing of the body."""


class WrongEnvelope(ValueError):
    """The bytes are JSON, but not a report: an HTTP 422. The message names the field, never its value."""


_decoder = msgspec.json.Decoder(Report)


def decode_report(body: bytes) -> Report:
    """Read one report from its exact bytes.

    Raises:
        MalformedJson: not UTF-8, not JSON, NaN, Infinity, or a lone surrogate anywhere.
        WrongEnvelope: JSON with a wrong type, an unknown field, a number out of range, a bad UUID, time or
            zone, a year outside 2000-2100, or a NUL character.

    A repeated key is read as JSON readers commonly do, the last one wins; every stage uses this function.
    """
    try:
        report = _decoder.decode(body)
    except msgspec.ValidationError as error:
        _refuse_unless_json(body)
        raise WrongEnvelope(_without_content(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedJson("The body is not valid JSON in UTF-8.") from None
    if not FIRST_YEAR <= report.recordedAt.year <= LAST_YEAR:
        raise WrongEnvelope(f"`recordedAt` is outside the years {FIRST_YEAR} to {LAST_YEAR}.")
    if report.amends is not None and report.amends.lower() == report.report_id:
        raise WrongEnvelope("`amends` names the report itself.")
    if report.timeZone not in _TIME_ZONES:
        raise WrongEnvelope("`timeZone` is not an IANA time zone.")
    if body.find(rb"\u0000") >= 0 and _holds_nul(msgspec.json.decode(body)):
        raise WrongEnvelope("A text holds a NUL character.")
    return report


def _refuse_unless_json(body: bytes) -> None:
    """Tell a wrong envelope from bytes that are no JSON at all: the decoder stops at whichever comes first.

    Every number is kept as text (``msgspec.Raw`` would not look inside, floats would overflow).
    """
    try:
        _json_syntax.decode(body)
    except msgspec.ValidationError:
        return  # a number out of range is JSON all the same
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedJson("The body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise WrongEnvelope("The body is nested too deeply.") from None


_json_syntax = msgspec.json.Decoder()


def _without_content(message: str) -> str:
    """The decoder's message without anything of the sender's but a plain field name."""
    if "unknown field" not in message:
        return message
    name = _ECHOED_FIELD.search(message)
    return f"The report has an unknown field, `{name[1]}`." if name else "The report has an unknown field."


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
