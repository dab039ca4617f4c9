"""Whose reports are sent, and what they say: valid, unlike each other, and within their visits' windows."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Answers = dict[str, int | float | str]


class WrongTokenFile(ValueError):
    """The token file cannot be used; the message names the line and says why, and quotes nothing of it."""

    exit_code = 2


class Assignment(msgspec.Struct, frozen=True):
    """One line of a token file: a patient, the visit to report for, its window, and the patient's token.

    ``answers``: what the patient says; made up where there are none.
    """

    patientId: str
    studyId: str
    siteId: str
    timeZone: str
    visitId: str
    instrument: str
    instrumentVersion: str
    token: str
    opensAt: Aware
    closesAt: Aware
    answers: Answers | None = None


def read_assignments(path: Path, limit: int | None = None) -> list[Assignment]:
    """Read a token file, or its first ``limit`` lines.

    Raises:
        WrongTokenFile: unreadable, empty, too short for ``limit``, a bad line, or a patient named twice.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise WrongTokenFile(f"{path}: the token file cannot be read ({error.strerror}).") from None
    if not lines or (limit is not None and limit > len(lines)):
        raise WrongTokenFile(f"{path}: holds {len(lines)} tokens, fewer than were asked for.")
    decoder = msgspec.json.Decoder(Assignment)
    assignments: dict[str, Assignment] = {}
    for number, line in enumerate(lines[:limit], 1):
        try:
            assignment = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise WrongTokenFile(f"{path}, line {number}: {error}") from None
        if assignment.patientId in assignments:
            raise WrongTokenFile(f"{path}, line {number}: a patient who was named before.")
        assignments[assignment.patientId] = assignment
    return list(assignments.values())


class PreparedReport(msgspec.Struct, frozen=True):
    """A report as it will be sent, every attempt the same bytes."""

    report_id: str
    assignment: Assignment
    body: bytes


def prepare_report(
    assignment: Assignment, now: datetime, device_id: str, random: Random, id_bits: int
) -> PreparedReport:
    """Build a patient's report for a visit, recorded at some moment of its window that has already come.

    Args:
        assignment: the patient and the visit.
        now: an aware instant; nothing is recorded after it.
        device_id: new for each run, so that its sequence starts at 1.
        random: decides the moment and the answers.
        id_bits: 74 random bits for the report's id; apart, because a seed repeats and an id must not.
    """
    recorded_at = recorded_instant(assignment, now, random)
    report_id = uuid7(recorded_at, id_bits)
    report = {
        "reportId": report_id,
        "patientId": assignment.patientId,
        "studyId": assignment.studyId,
        "visitId": assignment.visitId,
        "instrument": assignment.instrument,
        "instrumentVersion": assignment.instrumentVersion,
        "recordedAt": recorded_at.astimezone(ZoneInfo(assignment.timeZone)).isoformat(
            timespec="milliseconds"
        ),
        "timeZone": assignment.timeZone,
        "deviceId": device_id,
        "sequence": 1,
        "answers": _answers(assignment, random),
    }
    return PreparedReport(report_id, assignment, msgspec.json.encode(report))


def _answers(assignment: Assignment, random: Random) -> Answers:
    if assignment.answers is not None:
        return assignment.answers
    make_up = ANSWERS.get(assignment.instrument)
    return make_up(random) if make_up else {}


def recorded_instant(assignment: Assignment, now: datetime, random: Random) -> datetime:
    """A moment in [opensAt, closesAt), and not after ``now`` where the window is still open."""
    until = min(assignment.closesAt, now)
    span_ms = max(0, (until - assignment.opensAt) // timedelta(milliseconds=1) - 1)
    return assignment.opensAt + timedelta(milliseconds=random.randint(0, span_ms))


def uuid7(at: datetime, bits: int) -> str:
    """A version 7 UUID (RFC 9562): 48 bits of time in milliseconds, then the low 74 of ``bits``."""
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    high, low = (bits >> 62) & 0xFFF, bits & 0x3FFF_FFFF_FFFF_FFFF
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _daily_symptoms(random: Random) -> Answers:
    """An ordinary day; for one patient in a hundred one with severe pain, with a fever, or with both."""
    answers: Answers = {
        "pain": random.randint(0, 7),
        "fatigue": random.randint(0, 7),
        "nausea": random.randint(0, 4),
        "temperature": round(random.uniform(36.0, 37.9), 1),
    }
    if random.random() < ALARMING_SHARE:
        alarming: list[Answers] = [
            {"pain": random.randint(9, 10)},
            {"temperature": round(random.uniform(38.3, 40.4), 1)},
        ]
        for one in random.sample(alarming, random.choice((1, 1, 1, 2))):
            answers |= one
    return answers


def _phq_9(random: Random) -> Answers:
    """The ninth item is 0 but for one patient in a hundred: it raises a critical alert."""
    ninth = random.randint(1, 3) if random.random() < ALARMING_SHARE else 0
    return {**{f"q{number}": random.randint(0, 2) for number in range(1, 9)}, "q9": ninth}


ALARMING_SHARE: Final = 0.01
"""Of the reports of a burst: so many raise an alert in the demo study, whatever the instrument."""

ANSWERS: Final[Mapping[str, Callable[[Random], Answers]]] = {
    "daily-symptoms": _daily_symptoms,
    "phq-9": _phq_9,
}
"""How to answer each instrument of the demo study, within its items' ranges.

Any other instrument gets no answers: that is a report all the same, with each missing item flagged."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
