"""Tokens for load tests, and logins for demonstrations."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from deploy.demo.cohort import cohort_csv
from deploy.demo.users import NotForPeople, create_demo_users
from ingest_gateway.auth.keys import key_ring
from ingest_gateway.auth.tokens import verify
from projections.passwords import password_matches
from projections.schedule import latest_opened, plan_visits
from projections.study.model import Study
from projections.study.publishing import NoSuchStudy, apply_study
from projections.study.tokens import MintRefused, json_line, mint
from tests.integration.projections.study.conftest import NOW, enrol_demo, variant

KEYS = key_ring("k1", {"k1": bytes(range(40, 80))})


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
