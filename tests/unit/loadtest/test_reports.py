"""Reports of a burst are valid, within their windows at any hour, and never share an id."""

import json
import secrets
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from ingest_gateway.contracts.report import decode_report
from loadtest.reports import (
    ANSWERS,
    Assignment,
    WrongTokenFile,
    prepare_report,
    read_assignments,
    recorded_instant,
    uuid7,
)
from projections.study.model import document
from projections.study.reading import read_study
from stream_workers.reports.instruments import read_instrument
from tests.unit.loadtest.conftest import ORDINARY_DAY, assignment, seeded

ZONES = ("Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/New_York")
CLOCK_CHANGES = (date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1))
DAYS = (ORDINARY_DAY, *CLOCK_CHANGES)
STUDY = read_study(Path(__file__).parents[3] / "deploy" / "demo" / "study.yaml")
STUDY_INSTRUMENTS = [one.id for one in STUDY.instruments]


@pytest.mark.parametrize("instrument", ANSWERS)
def test_every_report_is_one_that_the_gateway_reads(instrument: str) -> None:
    random = seeded(1)
    for _ in range(200):
        one = assignment(instrument=instrument)
        prepared = prepare_report(one, one.closesAt, "d-1", random, secrets.randbits(74))
        report = decode_report(prepared.body)
        assert report.report_id == prepared.report_id
        assert (report.patientId, report.visitId, report.studyId) == ("P-000123", "V-0042", "EB-DEMO")
        assert (report.deviceId, report.sequence) == ("d-1", 1)


def test_a_patient_says_what_the_assignment_says() -> None:
    answers = {"pain": 9, "temperature": 36.8}
    one = assignment(answers=answers)
    prepared = prepare_report(one, one.closesAt, "d-1", seeded(1), secrets.randbits(74))
    assert decode_report(prepared.body).answers == answers


def test_a_report_for_an_instrument_of_somebody_elses_study_carries_no_answers() -> None:
    one = assignment(instrument="unheard-of")
    prepared = prepare_report(one, one.closesAt, "d-1", seeded(1), secrets.randbits(74))
    report = decode_report(prepared.body)
    assert (report.instrument, report.answers) == ("unheard-of", {})


@pytest.mark.parametrize("instrument", STUDY_INSTRUMENTS)
def test_about_one_report_in_a_hundred_raises_an_alert_and_all_answers_are_in_range(instrument: str) -> None:
    definition = next(one for one in STUDY.instruments if one.id == instrument)
    ready = read_instrument(json.dumps(document(definition)))
    random = seeded(5)
    raised = 0
    for _ in range(5000):
        one = assignment(instrument=instrument)
        report = decode_report(prepare_report(one, one.closesAt, "d-1", random, secrets.randbits(74)).body)
        assert ready.flags(report) == {}
        raised += bool(ready.rules.met(report.answers))
    assert 25 <= raised <= 90


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_a_report_is_recorded_in_its_window_and_not_in_the_future(
    zone: str, day: date, hour: int
) -> None:
    """The window is the latest that has opened by then, as `tokens mint` gives it."""
    now = datetime.combine(day, time(hour, 17), UTC)
    windows = [assignment(zone, day - timedelta(days=back)) for back in (-1, 0, 1, 2)]
    latest = next(window for window in windows if window.opensAt <= now)
    random = seeded(hour)
    for _ in range(20):
        prepared = prepare_report(latest, now, "d-1", random, secrets.randbits(74))
        report = decode_report(prepared.body)
        assert latest.opensAt <= report.recordedAt < latest.closesAt
        assert report.recordedAt <= now
        local = report.recordedAt.replace(tzinfo=None).time()
        assert time(8) <= local < time(11), "the phone writes its own wall time"


def test_a_window_that_opens_this_very_moment_has_a_report_at_its_opening() -> None:
    one = assignment()
    assert recorded_instant(one, one.opensAt, seeded(1)) == one.opensAt


def test_the_last_moment_of_a_window_is_never_its_closing() -> None:
    one = assignment(closesAt=assignment().opensAt + timedelta(milliseconds=2))
    instants = {recorded_instant(one, one.closesAt, seeded(seed)) - one.opensAt for seed in range(50)}
    assert instants == {timedelta(0), timedelta(milliseconds=1)}


def test_a_seed_repeats_what_is_said_but_never_an_id() -> None:
    one = assignment()
    first, second = (
        prepare_report(one, one.closesAt, "d-1", seeded(5), secrets.randbits(74)) for _ in range(2)
    )
    assert first.report_id != second.report_id
    assert json.loads(first.body) | {"reportId": ""} == json.loads(second.body) | {"reportId": ""}


def test_ids_are_version_7_and_carry_the_time() -> None:
    at = datetime(2026, 11, 22, 8, 0, 3, 250_000, UTC)
    for bits in (0, 2**74 - 1, 2**80 - 1, secrets.randbits(74)):
        read = UUID(uuid7(at, bits))
        assert (read.version, read.variant) == (7, "specified in RFC 4122")
        assert read.int >> 80 == int(at.timestamp() * 1000)


def test_ids_keep_all_their_random_bits() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    assert len({uuid7(at, 1 << bit) for bit in range(74)} | {uuid7(at, 0)}) == 75


# Token files ---------------------------------------------------------------------------------------------


def write_tokens(path: Path, *assignments: Assignment) -> Path:
    file = path / "tokens.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in assignments))
    return file


def test_a_token_file_is_read_line_by_line_and_further_fields_are_ignored(tmp_path: Path) -> None:
    file = write_tokens(tmp_path, assignment(), assignment(patientId="P-2"))
    document = json.loads(file.read_text().splitlines()[0]) | {"visitName": "morning"}
    file.write_text(json.dumps(document) + "\n" + file.read_text().splitlines()[1])
    assert [one.patientId for one in read_assignments(file)] == ["P-000123", "P-2"]
    assert [one.patientId for one in read_assignments(file, 1)] == ["P-000123"]


@pytest.mark.parametrize(
    ("assignments", "limit", "says"),
    [
        ((), None, "0 tokens"),
        ((assignment(),), 2, "1 tokens, fewer"),
        ((assignment(), assignment()), None, "line 2: a patient who was named before"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_refused_with_the_line(
    tmp_path: Path, assignments: tuple[Assignment, ...], limit: int | None, says: str
) -> None:
    with pytest.raises(WrongTokenFile, match=says):
        read_assignments(write_tokens(tmp_path, *assignments), limit)


def test_a_broken_line_is_named_without_its_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens.jsonl"
    file.write_text('{"patientId": "P-1", "token": "very.secret.token"}\n')
    with pytest.raises(WrongTokenFile, match="line 1") as refusal:
        read_assignments(file)
    assert "secret" not in str(refusal.value)


def test_a_missing_token_file_is_a_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongTokenFile, match="cannot be read"):
        read_assignments(tmp_path / "none.jsonl")
