"""Publishing a study: once, in versions, and never changed."""

import json
from datetime import timedelta

import asyncpg
import pytest

from projections.study.model import Study, document
from projections.study.publishing import NoSuchStudy, StudyRefused, apply_study, latest_study
from tests.conftest import Database
from tests.integration.projections.study.conftest import DEMO, NOW, enrol_demo, variant


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
