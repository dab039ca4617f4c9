"""``eightbells enrol``: patients from a CSV file."""

import asyncio
import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.cli import data_option, json_option
from deploy.cli.bars import bar
from deploy.cli.private_file import PrivateFile
from deploy.cli.study_database import database_option, study_connection
from projections.study.cohort import COLUMNS
from projections.study.enrolment import Enrolled, EnrolmentRequest
from projections.study.enrolment import Progress as ReportProgress
from projections.study.enrolment import enrol as enrol_cohort
from projections.study.publishing import latest_study

_SHOWN = 10


@click.command(
    epilog=f"The CSV is UTF-8, comma-separated, and its first line names columns: {', '.join(COLUMNS)}."
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--study", "study_id", metavar="ID", help="The study; needed where there are several.")
@click.option(
    "--codes",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file (0600) for the activation codes: patientId,siteId,code.",
)
@click.option("--no-codes", is_flag=True, help="Issue no activation codes.")
@click.option(
    "--start",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The start date of lines that have no startDate.",
)
@json_option
@data_option
@database_option
def enrol(
    file: Path,
    study_id: str | None,
    codes: Path | None,
    no_codes: bool,
    start: datetime | None,
    as_json: bool,
    data: Path,
    database: str | None,
) -> None:
    """Enrol the patients in FILE, all of them or none.

    patientId, siteId and startDate are needed, the rest is optional: timeZone is the site's, consentDate the
    start date. Every wrong line is named with its number, and nothing is written then. Patients who are
    enrolled already are reported and stay as they are.

    Exit codes: 0 fine, 2 the file is wrong, 3 the stack isn't there.
    """
    if (codes is None) is not no_codes:
        raise click.UsageError("Say where the activation codes go with --codes FILE, or --no-codes.")
    started = start.date() if start else None
    target = PrivateFile(codes, overwrite=False, keep_on_error=True) if codes else nullcontext()
    with target as private, bar("Visits", quiet=as_json) as progress:
        request = EnrolmentRequest(
            content=file.read_bytes(),
            file=file,
            start=started,
            save_codes=None if private is None else lambda rows: private.write(_code_lines(rows)),
        )
        purpose, result = asyncio.run(_enrol(request, study_id, data, database, progress))
    if as_json:
        answer = {
            "studyId": result.study_id,
            "purpose": purpose,
            "enrolled": result.patients,
            "visits": result.visits,
            "alreadyEnrolled": len(result.already),
            "codes": str(codes.absolute()) if codes and result.patients else None,
        }
        click.echo(json.dumps(answer))
        return
    click.echo(
        f"{result.study_id} ({purpose}): {result.patients:,} new patients with {result.visits:,} visits."
    )
    if codes and result.patients:
        click.echo(f"Their activation codes are in {codes}; they are kept nowhere else.")
    if result.already:
        more = ", …" if len(result.already) > _SHOWN else ""
        click.echo(
            f"{len(result.already):,} were enrolled already and stay as they are: "
            f"{', '.join(result.already[:_SHOWN])}{more}"
        )


async def _enrol(
    request: EnrolmentRequest,
    study_id: str | None,
    data: Path,
    database: str | None,
    progress: ReportProgress,
) -> tuple[str, Enrolled]:
    async with study_connection(data, database) as connection:
        study = await latest_study(connection, study_id)
        return study.purpose, await enrol_cohort(connection, study, request, datetime.now(UTC), progress)


def _code_lines(rows: Iterable[tuple[str, str, str]]) -> Iterator[bytes]:
    """Ids and codes hold no character that a spreadsheet would read as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("patientId", "siteId", "code"))
    writer.writerows(rows)
    yield text.getvalue().encode()
