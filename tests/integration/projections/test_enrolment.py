"""Publishing, enrolling and minting in a real Postgres, with the role that does it in production."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from deploy.demo.cohort import cohort_csv
from deploy.demo.users import NotForPeople, create_demo_users
from ingest_gateway.auth.keys import key_ring
from ingest_gateway.auth.tokens import verify
from projections.passwords import password_matches
from projections.schedule import latest_opened, plan_visits
from projections.study.codes import code_digest
from projections.study.cohort import CohortError
from projections.study.enrolment import Enrolled, EnrolmentRequest, enrol
from projections.study.model import Study, document
from projections.study.publishing import NoSuchStudy, StudyRefused, apply_study, latest_study
from projections.study.reading import read_study
from projections.study.tokens import MintRefused, json_line, mint
from tests.conftest import Database

NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
KEYS = key_ring("k1", {"k1": bytes(range(40, 80))})
DEMO = read_study(Path(__file__).parents[3] / "deploy" / "demo" / "study.yaml")
FILE = Path("cohort.csv")


@pytest.fixture
async def study_role(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.role("eightbells_study"))
    yield connection
    await connection.close()


@pytest.fixture
async def demo(study_role: asyncpg.Connection) -> Study:
    await apply_study(study_role, DEMO, NOW)
    return await latest_study(study_role, None)


def variant(study: Study, **fields: object) -> Study:
    return Study.model_validate_json(json.dumps({**document(study), **fields}))


async def enrol_demo(connection: asyncpg.Connection, study: Study, content: bytes) -> Enrolled:
    return await enrol(connection, study, EnrolmentRequest(content, FILE), NOW)


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    row = await connection.fetchrow(
        "select (select count(*) from users) as users, (select count(*) from patients) as patients,"
        " (select count(*) from patient_identities) as identities, (select count(*) from visits) as visits,"
        " (select count(*) from activation_codes) as codes, (select count(*) from slots) as slots,"
        " (select count(*) from slot_counts) as slot_counts"
    )
    assert row is not None
    return dict(row)


# Publishing ----------------------------------------------------------------------------------------------


async def test_a_study_is_published_once_and_applying_it_again_changes_nothing(
    study_role: asyncpg.Connection,
) -> None:
    assert "create study EB-DEMO (training)" in await apply_study(study_role, DEMO, NOW)
    assert await apply_study(study_role, DEMO, NOW + timedelta(days=1)) == []
    assert await latest_study(study_role, "EB-DEMO") == DEMO
    assert await study_role.fetchval("select count(*) from sites") == 40
    rows = await study_role.fetch(
        "select instrument, version, definition from instruments order by instrument"
    )
    assert [(row["instrument"], row["version"]) for row in rows] == [
        ("daily-symptoms", "1.0"),
        ("phq-9", "1.0"),
    ]
    assert json.loads(rows[1]["definition"])["alerts"][0]["level"] == "critical"


async def test_a_dry_run_writes_nothing(study_role: asyncpg.Connection) -> None:
    assert len(await apply_study(study_role, DEMO, NOW, dry_run=True)) > 40
    assert await study_role.fetchval("select count(*) from studies") == 0


async def test_what_is_published_cannot_be_changed_by_applying_another_file(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    for wrong in (
        variant(demo, title={"zh": "x", "en": "x"}),
        variant(demo, purpose="production"),
        variant(demo, studyId="EB-OTHER"),  # its sites are EB-DEMO's
    ):
        with pytest.raises(StudyRefused):
            await apply_study(study_role, wrong, NOW)
    assert await study_role.fetchval("select count(*) from study_versions") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update study_versions set document = '{}'",
        "delete from study_versions",
        "update instruments set definition = '{}'",
        "delete from instruments",
        "update slots set closes_at = late_until",
        "delete from slots",
    ],
)
async def test_nor_by_the_databases_owner(
    database: Database, study_role: asyncpg.Connection, demo: Study, statement: str
) -> None:
    await enrol_demo(study_role, demo, b"patientId,siteId,startDate\nP-1,S-01,2026-11-22\n")
    owner = await asyncpg.connect(database.url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(statement)
    finally:
        await owner.close()


async def test_a_new_version_is_what_new_patients_get(study_role: asyncpg.Connection, demo: Study) -> None:
    schedule = {**document(demo.schedule), "version": "2.0"}
    schedule["visits"] = schedule["visits"][:1]
    newer = variant(demo, version="2.0", title={"zh": "新", "en": "New"}, schedule=schedule)
    await enrol_demo(study_role, demo, b"patientId,siteId,startDate\nP-1,S-01,2026-11-22\n")
    await apply_study(study_role, newer, NOW + timedelta(hours=1))
    assert await latest_study(study_role, None) == newer
    await enrol_demo(study_role, newer, b"patientId,siteId,startDate\nP-2,S-01,2026-11-22\n")
    rows = await study_role.fetch("select patient_id, count(*) from visits group by 1 order by 1")
    assert [tuple(row) for row in rows] == [("P-1", 33), ("P-2", 1)]
    assert json.loads(await study_role.fetchval("select title from studies")) == {"zh": "新", "en": "New"}


async def test_a_study_has_to_be_named_where_there_are_several(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    sites = [{"id": "T-01", "name": "x", "timeZone": "UTC"}]
    await apply_study(study_role, variant(demo, studyId="EB-TWO", sites=sites), NOW)
    with pytest.raises(NoSuchStudy, match="EB-DEMO, EB-TWO"):
        await latest_study(study_role, None)
    with pytest.raises(NoSuchStudy, match="EB-THREE"):
        await latest_study(study_role, "EB-THREE")


# Enrolling -----------------------------------------------------------------------------------------------


async def test_a_cohort_gets_users_identities_codes_and_every_visit(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    kept: list[tuple[str, str, str]] = []
    told: list[tuple[int, int]] = []

    def keep(rows: Iterable[tuple[str, str, str]]) -> None:
        kept.extend(rows)

    request = EnrolmentRequest(cohort_csv(demo.sites, 80, NOW), FILE, save_codes=keep)
    result = await enrol(study_role, demo, request, NOW, lambda done, total: told.append((done, total)))
    assert result == Enrolled("EB-DEMO", 80, 80 * 33, ())
    assert told == [(0, 80 * 33), (80 * 33, 80 * 33)]
    assert await counts(study_role) == {
        "users": 80,
        "patients": 80,
        "identities": 80,
        "visits": 80 * 33,
        "codes": 80,
        "slots": 4 * 33,
        "slot_counts": 40 * 33,
    }
    assert [patient for patient, _, _ in kept] == sorted(f"P-{number:06d}" for number in range(1, 81))
    code = await study_role.fetchrow("select * from activation_codes where user_id = 'u-P-000001'")
    assert code is not None
    assert code["code_sha256"] == code_digest(kept[0][2])
    assert code["expires_at"] == NOW + timedelta(days=60)
    expected = await study_role.fetch("select site_id, shard, sum(expected) from slot_counts group by 1, 2")
    assert {(row["shard"], row["sum"]) for row in expected} == {(-1, 66)}


async def test_a_patients_windows_are_in_the_patients_zone(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    content = b"patientId,siteId,startDate,timeZone\nP-1,S-21,2026-10-24,\nP-2,S-21,2026-10-24,Asia/Kolkata\n"
    await enrol_demo(study_role, demo, content)
    mornings = await study_role.fetch(
        "select patient_id, opens_at from visits join slots using (slot_id)"
        " where visit_code = 'diary-am' and planned_date in ('2026-10-24', '2026-10-25') order by 1, 2"
    )
    assert [f"{row['patient_id']} {row['opens_at']:%d %H:%M}" for row in mornings] == [
        "P-1 24 06:00",
        "P-1 25 07:00",  # the clocks have gone back in Berlin
        "P-2 24 02:30",
        "P-2 25 02:30",
    ]
    patient = await study_role.fetchrow("select * from patients where patient_id = 'P-1'")
    assert patient is not None
    assert (patient["time_zone"], patient["anchor_date"]) == ("Europe/Berlin", date(2026, 10, 24))
    assert patient["consented_from"] == datetime(2026, 10, 23, 22, tzinfo=UTC)


async def test_enrolling_a_cohort_again_changes_nothing_and_says_who_was_enrolled(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    await enrol_demo(study_role, demo, cohort_csv(demo.sites, 40, NOW))
    before = await counts(study_role)
    again = await enrol_demo(study_role, demo, cohort_csv(demo.sites, 40, NOW + timedelta(days=3)))
    assert (again.patients, again.visits, len(again.already)) == (0, 0, 40)
    assert await counts(study_role) == before


async def test_a_cohort_that_grew_enrols_only_who_is_new(study_role: asyncpg.Connection, demo: Study) -> None:
    await enrol_demo(study_role, demo, cohort_csv(demo.sites, 40, NOW))
    grown = await enrol_demo(study_role, demo, cohort_csv(demo.sites, 50, NOW))
    assert (grown.patients, len(grown.already)) == (10, 40)
    rows = await study_role.fetch("select site_id, sum(expected) from slot_counts group by 1 order by 1")
    assert [row["sum"] for row in rows] == [66] * 10 + [33] * 30


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("P-2,S-99,2026-11-22,", "cohort.csv:3: the study has no site 'S-99'."),
        ("P-2,S-01,2026-11-22,li", "cohort.csv:3: the username is taken."),
        ("taken,S-01,2026-11-22,", "cohort.csv:3: the user id u-taken is taken."),
        ("P-other,S-01,2026-11-22,", "cohort.csv:3: patient P-other is enrolled in another study."),
    ],
)
async def test_one_wrong_line_and_nobody_is_enrolled(
    study_role: asyncpg.Connection, demo: Study, line: str, expected: str
) -> None:
    sites = [{"id": "T-01", "name": "x", "timeZone": "UTC"}]
    other = variant(demo, studyId="EB-TWO", sites=sites)
    await apply_study(study_role, other, NOW)
    await enrol_demo(study_role, other, b"patientId,siteId,startDate,username\nP-other,T-01,2026-11-22,li\n")
    await study_role.execute("insert into users (user_id, role) values ('u-taken', 'admin')")
    before = await counts(study_role)
    content = f"patientId,siteId,startDate,username\nP-1,S-01,2026-11-22,\n{line}\n".encode()
    with pytest.raises(CohortError, match=expected):
        await enrol_demo(study_role, demo, content)
    assert await counts(study_role) == before


async def test_where_the_codes_cannot_be_kept_nobody_is_enrolled(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    def fail(rows: Iterable[tuple[str, str, str]]) -> None:
        raise OSError("disk full")

    request = EnrolmentRequest(cohort_csv(demo.sites, 5, NOW), FILE, save_codes=fail)
    with pytest.raises(OSError, match="disk full"):
        await enrol(study_role, demo, request, NOW)
    assert sum((await counts(study_role)).values()) == 0


async def test_formulas_and_sql_in_a_name_are_stored_as_they_are(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    name = "=cmd|' /C calc'!A0'; drop table patients; --"
    content = f'patientId,siteId,startDate,name\nP-1,S-01,2026-11-22,"{name}"\n'.encode()
    await enrol_demo(study_role, demo, content)
    assert await study_role.fetchval("select name from patient_identities") == name


async def test_two_enrolments_at_once_enrol_everybody_once(
    database: Database, study_role: asyncpg.Connection, demo: Study
) -> None:
    other = await asyncpg.connect(database.role("eightbells_study"))
    try:
        results = await asyncio.gather(
            enrol_demo(study_role, demo, cohort_csv(demo.sites, 60, NOW)),
            enrol_demo(other, demo, cohort_csv(demo.sites, 80, NOW)),
        )
    finally:
        await other.close()
    assert sum(result.patients for result in results) == 80
    assert (await counts(study_role))["visits"] == 80 * 33


# Minting and logins --------------------------------------------------------------------------------------


async def test_minted_tokens_verify_and_name_the_latest_opened_window(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    await enrol_demo(study_role, demo, cohort_csv(demo.sites, 40, NOW))
    minted = [json.loads(json_line(one)) for one in await mint(study_role, "EB-DEMO", 40, KEYS, NOW)]
    first, berliner = minted[0], minted[20]
    assert list(first)[:8] == [
        "patientId", "studyId", "siteId", "timeZone", "visitId", "instrument", "instrumentVersion", "token",
    ]  # fmt: skip
    claims = verify(first["token"], KEYS, NOW.timestamp())
    assert (claims.userId, claims.patientId, claims.role) == ("u-P-000001", "P-000001", "patient")
    assert (claims.studyId, claims.siteId) == ("EB-DEMO", "S-01")
    assert first["visitCode"] == "diary-am"  # 11:30 in Shanghai: the evening has not opened
    assert berliner["visitCode"] == "diary-pm"  # 04:30 in Berlin: yesterday evening's was the last
    for one in minted:
        opens, closes, recorded = (
            datetime.fromisoformat(one[name]) for name in ("opensAt", "closesAt", "recordedAt")
        )
        assert opens <= recorded < closes
        assert recorded <= NOW
    assert len({one["token"] for one in minted}) == 40


@pytest.mark.parametrize("visit_code", [None, "diary-am"])
@pytest.mark.parametrize("hour", [0, 7, 16])
async def test_the_minted_window_is_the_one_that_the_schedule_says_was_opened_last(
    study_role: asyncpg.Connection, demo: Study, hour: int, visit_code: str | None
) -> None:
    now = datetime(2026, 10, 25, hour, 59, tzinfo=UTC)
    await enrol_demo(study_role, demo, cohort_csv(demo.sites, 40, now))
    for one in await mint(study_role, "EB-DEMO", 40, KEYS, now, visit_code):
        zone = ZoneInfo(one["timeZone"])
        plan = plan_visits(demo.rules(), now.astimezone(zone).date() - timedelta(days=1), zone)
        expected = latest_opened(plan, now, visit_code)
        assert expected is not None
        assert (one["visitId"], one["visitCode"]) == (expected.visit_id, expected.visit_code)
        assert datetime.fromisoformat(one["opensAt"]) == expected.window.opens_at
        assert datetime.fromisoformat(one["opensAt"]) <= datetime.fromisoformat(one["recordedAt"]) <= now


async def test_no_tokens_for_a_production_study_or_without_enough_patients(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    sites = [{"id": "T-01", "name": "x", "timeZone": "UTC"}]
    await apply_study(study_role, variant(demo, studyId="LIVE", purpose="production", sites=sites), NOW)
    with pytest.raises(MintRefused, match="in production") as production:
        await mint(study_role, "LIVE", 1, KEYS, NOW)
    with pytest.raises(MintRefused, match="Only 0 patients") as few:
        await mint(study_role, "EB-DEMO", 1, KEYS, NOW)
    with pytest.raises(NoSuchStudy):
        await mint(study_role, "NONE", 1, KEYS, NOW)
    assert (production.value.exit_code, few.value.exit_code) == (2, 1)


async def test_demonstration_staff_log_in_with_the_passwords_in_the_file(
    study_role: asyncpg.Connection, demo: Study
) -> None:
    told: list[str] = []
    for _ in range(2):  # the second time they get new passwords
        await create_demo_users(study_role, demo, told.append)
    logins = dict(line.split("\t")[:2] for line in told[1].splitlines()[1:])
    assert list(logins) == ["dr.chen", "dr.mueller", "coord.all", "admin"]
    for username, password in logins.items():
        row = await study_role.fetchrow("select * from users where username = $1", username)
        assert row is not None
        assert password_matches(password, row["password_hash"])
    scopes = await study_role.fetch(
        "select user_id, count(*), min(site_id) from user_sites group by 1 order by 1"
    )
    assert [tuple(row) for row in scopes] == [
        ("staff-coord.all", 40, "S-01"),
        ("staff-dr.chen", 1, "S-01"),
        ("staff-dr.mueller", 1, "S-21"),
    ]
    with pytest.raises(NotForPeople):
        await create_demo_users(study_role, variant(demo, purpose="production"), told.append)
