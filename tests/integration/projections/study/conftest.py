"""The demonstration's study in a real Postgres, and the role that publishes and enrols in production."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from projections.study.enrolment import Enrolled, EnrolmentRequest, enrol
from projections.study.model import Study, document
from projections.study.publishing import apply_study, latest_study
from projections.study.reading import read_study
from tests.conftest import Database

NOW = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
DEMO = read_study(Path(__file__).parents[4] / "deploy" / "demo" / "study.yaml")
FILE = Path("cohort.csv")


def variant(study: Study, **fields: object) -> Study:
    return Study.model_validate_json(json.dumps({**document(study), **fields}))


async def enrol_demo(connection: asyncpg.Connection, study: Study, content: bytes) -> Enrolled:
    return await enrol(connection, study, EnrolmentRequest(content, FILE), NOW)


@pytest.fixture
async def study_role(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.role("eightbells_study"))
    yield connection
    await connection.close()


@pytest.fixture
async def demo(study_role: asyncpg.Connection) -> Study:
    await apply_study(study_role, DEMO, NOW)
    return await latest_study(study_role, None)
