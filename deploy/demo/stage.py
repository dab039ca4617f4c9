"""Setting the stage: a stack, the demonstration's study, staff, patients, and whose reports are due.

Every step is safe to do again: what is there already stays as it is.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from deploy.cli.stack import down
from deploy.cli.study_database import ROLE, study_connection
from deploy.demo.cohort import cohort_csv
from deploy.demo.users import create_demo_users
from deploy.local.announce import console
from deploy.local.detached import start_detached
from deploy.local.plan import Options
from deploy.local.state import (
    Stack,
    StackError,
    StackNotRunning,
    database_url,
    live_record,
    running_stack,
    secrets_dir,
    token_keys_file,
    write_private,
)
from ingest_gateway.auth.keys import load_keys
from loadtest.reports import Assignment
from projections.study.enrolment import Enrolled, EnrolmentRequest, enrol
from projections.study.model import Study
from projections.study.publishing import StudyRefused, apply_study
from projections.study.reading import read_study
from projections.study.tokens import mint

STUDY_FILE: Final = Path(__file__).with_name("study.yaml")
COHORT_FILE: Final = Path("demonstration's cohort")
MORNING: Final = "diary-am"
EVENING: Final = "diary-pm"
BASELINE: Final = "baseline"
CODES_FILE: Final = "demo-codes.csv"


def ensure_stack(data: Path) -> tuple[Stack, bool]:
    """The stack of this directory, started where none runs; and whether it was started now.

    It is detached, so that the order in which it stops is its supervisor's also after Ctrl-C.

    Raises:
        StackError: it did not come up.
    """
    with contextlib.suppress(StackNotRunning):
        return running_stack(data), False
    kafka, database = os.environ.get("KAFKA_BOOTSTRAP"), os.environ.get("DATABASE_URL")
    start_detached(Options(data.absolute(), kafka=kafka or None, database=database or None), console())
    return running_stack(data), True


def stop_stack(data: Path, only: Stack | None = None) -> None:
    """Stop the stack in an orderly way; one that has ended by itself is none.

    ``only``: the one that is meant; another that runs there by now goes on.
    """
    record = live_record(data)
    if only is not None and record is not None and record.supervisor.pid != only.supervisor:
        return
    with contextlib.suppress(StackNotRunning):
        down.main(["--data", str(data)], standalone_mode=False)


class OtherDemonstration(StackError):
    """This stack's data is of another version of the demonstration."""


async def apply_demo_study(data: Path, now: datetime) -> Study:
    """Publish the demonstration's study where it is not published yet.

    Raises:
        OtherDemonstration: it was published with another content.
    """
    study = read_study(STUDY_FILE)
    async with study_database(data) as connection:
        try:
            await apply_study(connection, study, now)
        except StudyRefused as error:
            raise OtherDemonstration(
                f"{error} The data in {data} is of another version's demonstration: "
                "`eightbells reset` it, once stopped, or choose another --data."
            ) from None
    return study


async def ensure_demo_users(data: Path, study: Study) -> bool:
    """Make the demonstration's logins; those that are on record keep their passwords. Says if any are new."""
    file = secrets_dir(data) / "demo-logins.txt"
    if file.exists():
        return False
    async with study_database(data) as connection:
        await create_demo_users(connection, study, lambda text: write_private(file, text.encode()))
    return True


async def enrol_demo_patients(
    data: Path, study: Study, patients: int, now: datetime, progress: Callable[[int, int], None]
) -> Enrolled:
    """Enrol the demonstration's patients, from yesterday; their activation codes go to a file (0600)."""
    request = EnrolmentRequest(
        content=cohort_csv(study.sites, patients, now),
        file=COHORT_FILE,
        save_codes=lambda rows: _save_codes(secrets_dir(data) / CODES_FILE, rows),
    )
    async with study_database(data) as connection:
        return await enrol(connection, study, request, now, progress)


async def assignments(
    data: Path, study: Study, patients: int, visit_code: str, now: datetime
) -> list[Assignment]:
    """Tokens and targets: each patient's latest opened window of a visit."""
    ring = load_keys(token_keys_file(data))
    async with study_database(data) as connection:
        lines = await mint(connection, study.study_id, patients, ring, now, visit_code)
        return [msgspec.convert(line, Assignment) for line in lines]


def study_database(data: Path) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """A connection as the role that publishes and enrols."""
    return study_connection(data, database_url(data, ROLE))


def _save_codes(file: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Add to what is there: a demonstration may grow."""
    known = file.read_text(encoding="utf-8") if file.exists() else "patientId,siteId,code\n"
    write_private(file, (known + "".join(f"{','.join(row)}\n" for row in rows)).encode())
