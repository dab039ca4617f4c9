"""Enrolling a cohort: users, identities, codes, and every visit; all or nobody."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from deploy.demo.cohort import cohort_csv
from projections.study.codes import code_digest
from projections.study.cohort import CohortError
from projections.study.enrolment import Enrolled, EnrolmentRequest, enrol
from projections.study.model import Study
from projections.study.publishing import apply_study
from tests.conftest import Database
from tests.integration.projections.study.conftest import FILE, NOW, enrol_demo, variant


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    row = await connection.fetchrow(
        "select (select count(*) from users) as users, (select count(*) from patients) as patients,"
        " (select count(*) from patient_identities) as identities, (select count(*) from visits) as visits,"
        " (select count(*) from activation_codes) as codes, (select count(*) from slots) as slots,"
        " (select count(*) from slot_counts) as slot_counts"
    )
    assert row is not None
    return dict(row)


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
