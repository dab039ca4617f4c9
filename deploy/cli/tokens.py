"""``eightbells tokens``: access tokens for load tests and demonstrations."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.cli import data_option, json_option
from deploy.cli.private_file import PrivateFile
from deploy.cli.study_database import database_option, study_connection
from deploy.local.state import token_keys_file
from ingest_gateway.auth.keys import KeyRing, load_keys
from projections.study.publishing import latest_study
from projections.study.tokens import json_line
from projections.study.tokens import mint as mint_tokens


@click.group()
def tokens() -> None:
    """Mint patients' tokens for tests."""


@tokens.command(short_help="Write a token for each of N patients.")
@click.option("--patients", type=click.IntRange(min=1), required=True, help="How many, from the lowest id.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write (0600, JSON Lines); one that exists is replaced.",
)
@click.option("--study", "study_id", metavar="ID", help="The study; needed where there are several.")
@click.option("--visit-code", metavar="CODE", help="The latest opened window of this visit, as diary-am.")
@json_option
@click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The key file, instead of the stack's.",
)
@data_option
@database_option
def mint(
    patients: int,
    out: Path,
    study_id: str | None,
    visit_code: str | None,
    as_json: bool,
    keys: Path | None,
    data: Path,
    database: str | None,
) -> None:
    """Write a token for each of N patients, with the window that was opened last for each.

    A line is {"patientId","studyId","siteId","timeZone","visitId","instrument","instrumentVersion","token"},
    and "opensAt", "closesAt", "lateUntil" and a "recordedAt" at which a report is on time. The tokens are
    good for 24 hours. A production study is refused.

    Exit codes: 0 fine, 1 too few patients, 2 wrong use, 3 the stack isn't there.
    """
    with PrivateFile(out, overwrite=True) as private:
        study = asyncio.run(_mint(patients, study_id, visit_code, keys, data, database, private))
    if as_json:
        click.echo(json.dumps({"studyId": study, "patients": patients, "out": str(out.absolute())}))
    else:
        click.echo(f"{patients:,} tokens of {study} are in {out}; they are good for 24 hours.")


async def _mint(
    patients: int,
    study_id: str | None,
    visit_code: str | None,
    keys: Path | None,
    data: Path,
    database: str | None,
    private: PrivateFile,
) -> str:
    async with study_connection(data, database) as connection:
        ring: KeyRing = load_keys(keys or token_keys_file(data))
        study = await latest_study(connection, study_id)
        lines = await mint_tokens(connection, study.study_id, patients, ring, datetime.now(UTC), visit_code)
        private.write(map(json_line, lines))
        return study.study_id
