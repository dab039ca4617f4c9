"""The demonstration's stage at 24 start hours, by an injected clock, on a real Postgres."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import SystemRandom

import asyncpg
import pytest

from deploy.demo.alarms import watched_sites
from deploy.demo.run import Demo, questionnaires, set_stage
from deploy.demo.stage import (
    EVENING,
    MORNING,
    STUDY_FILE,
    OtherDemonstration,
    assignments,
    study_database,
)
from deploy.local.credentials import make_secrets, record_owner_url
from deploy.local.state import secrets_dir, token_keys_file, write_private
from ingest_gateway.auth.keys import load_keys
from ingest_gateway.auth.tokens import verify
from ingest_gateway.contracts.report import decode_report
from loadtest.reports import Assignment, prepare_report
from projections.schedule import Window, choose_visit
from projections.schedule.placement import Candidate
from projections.schedule.status import VisitState
from projections.study.publishing import apply_study
from projections.study.reading import read_study
from tests.conftest import Database

PATIENTS = 40
RANDOM = SystemRandom()
DAYS = (  # an ordinary day, the days on which clocks change in two of the zones, and the days after
    date(2026, 11, 22),
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2026, 11, 2),
)


@contextmanager
def no_bar(_: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, total: None


@pytest.fixture
def data(tmp_path: Path, database: Database) -> Path:
    """A data directory that knows this database, as a stack's does."""
    make_secrets(tmp_path)
    record_owner_url(tmp_path, database.url)
    if database.passwords:
        write_private(secrets_dir(tmp_path) / "database.json", json.dumps(dict(database.passwords)).encode())
    return tmp_path


def reports_in_time(due: list[Assignment], now: datetime) -> set[str]:
    """Build everybody's report, and say what the schedule makes of it."""
    outcomes = set()
    for one in due:
        prepared = prepare_report(one, now, "d-1", RANDOM, secrets.randbits(74))
        report = decode_report(prepared.body)
        assert report.recordedAt <= now
        grace = timedelta(days=1) if one.instrument == "phq-9" else timedelta(hours=1)
        window = Window(one.opensAt, one.closesAt, one.closesAt + grace)
        state = VisitState(window, (one.instrument,), {})
        placed = choose_visit(
            [Candidate(one.visitId, state)], report.instrument, report.recordedAt, report.visitId
        )
        assert placed.completion is not None
        outcomes.add(f"{placed.kind}, {placed.completion.timeliness}{placed.flags or ''}")
    return outcomes


@pytest.mark.parametrize("hour", range(24))
async def test_at_any_hour_every_report_of_a_demonstration_completes_its_visit_on_time(
    data: Path, database: Database, hour: int
) -> None:
    now = datetime.combine(DAYS[hour % len(DAYS)], time(hour, 31), UTC)
    demo = Demo(data, PATIENTS, 10.0, 100)
    said: list[str] = []
    study, due = await set_stage(demo, lambda: now, said.append, no_bar)
    evening = await assignments(data, study, PATIENTS, EVENING, now)
    asked = await questionnaires(demo, study, now)
    assert {one.siteId for one in asked} == set(watched_sites(study))
    assert reports_in_time(asked, now) == {"completes, on_time"}
    assert {one.siteId for one in due if one.answers} == set(watched_sites(study))
    assert len({one.timeZone for one in due}) == 4
    for targets in (due, evening):
        assert len({one.patientId for one in targets}) == PATIENTS
        assert reports_in_time(targets, now) == {"completes, on_time"}
    assert {one.visitId for one in due}.isdisjoint({one.visitId for one in evening})
    ring = load_keys(token_keys_file(data))
    assert all(verify(one.token, ring, now.timestamp()).patientId == one.patientId for one in due)


async def test_a_second_demonstration_finds_everything_as_it_was(data: Path, database: Database) -> None:
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    demo = Demo(data, PATIENTS, 10.0, 100)
    _, first = await set_stage(demo, lambda: now, lambda line: None, no_bar)
    logins = secrets_dir(data) / "demo-logins.txt"
    codes = secrets_dir(data) / "demo-codes.csv"
    before = logins.read_text(), codes.read_text()
    said: list[str] = []
    later = now + timedelta(minutes=10)
    study, second = await set_stage(demo, lambda: later, said.append, no_bar)
    assert [one.visitId for one in second] == [one.visitId for one in first]
    assert any("40 were there already" in line for line in said)
    assert (logins.read_text(), codes.read_text()) == before
    assert [file.stat().st_mode & 0o777 for file in (logins, codes)] == [0o600, 0o600]
    assert len(codes.read_text().splitlines()) == 1 + PATIENTS
    owner = await asyncpg.connect(database.url)
    assert await owner.fetchval("select count(*) from patients") == PATIENTS
    await owner.close()
    morning = await assignments(data, study, PATIENTS, MORNING, later)
    assert len(morning) == PATIENTS


async def test_data_of_another_versions_demonstration_is_refused_with_the_way_out(
    data: Path, database: Database
) -> None:
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    study = read_study(STUDY_FILE)
    other = study.model_copy(update={"instruments": study.instruments[::-1]})
    async with study_database(data) as connection:
        await apply_study(connection, other, now)
    with pytest.raises(OtherDemonstration, match="eightbells reset"):
        await set_stage(Demo(data, PATIENTS, 10.0, 100), lambda: now, lambda line: None, no_bar)
