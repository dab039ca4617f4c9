"""``eightbells study``: check, publish and show studies."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.cli import data_option, json_option
from deploy.cli.study_database import database_option, study_connection
from projections.sql import queries
from projections.study.model import Study, json_schema
from projections.study.publishing import apply_study, latest_study
from projections.study.reading import read_study


@click.group()
def study() -> None:
    """Check, publish and show studies."""


@study.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@json_option
@data_option
@database_option
def apply(file: Path, dry_run: bool, as_json: bool, data: Path, database: str | None) -> None:
    """Publish the study in FILE (YAML or JSON).

    Each thing that is wrong is named with its line: first every wrong field, then all that does not fit
    together. What has been published never changes: a changed file needs a new version. Applying a file
    twice changes nothing.

    Exit codes: 0 fine, 1 it would change what is published, 2 the file is wrong, 3 the stack isn't there.
    """
    checked = read_study(file)
    changes = asyncio.run(_apply(checked, dry_run, data, database))
    if as_json:
        answer = {
            "studyId": checked.study_id,
            "version": checked.version,
            "purpose": checked.purpose,
            "applied": bool(changes) and not dry_run,
            "changes": changes,
        }
        click.echo(json.dumps(answer))
        return
    label = f"{checked.study_id} {checked.version} ({checked.purpose})"
    for change in changes:
        click.echo(f"  {change}")
    if not changes:
        click.echo(f"{label}: nothing to change.")
    else:
        click.echo(f"{label}: {'would be' if dry_run else 'is'} published.")


async def _apply(checked: Study, dry_run: bool, data: Path, database: str | None) -> list[str]:
    async with study_connection(data, database) as connection:
        return await apply_study(connection, checked, datetime.now(UTC), dry_run=dry_run)


@study.command(short_help="Show the newest version of a study.")
@click.argument("study_id", required=False)
@json_option
@data_option
@database_option
def show(study_id: str | None, as_json: bool, data: Path, database: str | None) -> None:
    """Show the newest version of STUDY_ID (of the only study, where none is named)."""
    newest, totals = asyncio.run(_show(study_id, data, database))
    zones = sorted({site.time_zone for site in newest.sites})
    facts = {
        "studyId": newest.study_id,
        "purpose": newest.purpose,
        "version": newest.version,
        "schedule": newest.schedule.version,
        "title": newest.title,
        "sites": len(newest.sites),
        "timeZones": zones,
        "instruments": [f"{one.id} {one.version}" for one in newest.instruments],
        **totals,
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo(f"{newest.study_id} {newest.version} ({newest.purpose})")
    for text in newest.title.values():
        click.echo(f"  {text}")
    click.echo(f"  sites        {len(newest.sites)} in {', '.join(zones)}")
    click.echo(f"  instruments  {', '.join(one.id + ' ' + one.version for one in newest.instruments)}")
    click.echo(f"  visits       {', '.join(visit.code for visit in newest.schedule.visits)}")
    click.echo(f"  enrolled     {totals['patients']:,} patients, {totals['visits']:,} visits")


async def _show(study_id: str | None, data: Path, database: str | None) -> tuple[Study, dict[str, int]]:
    async with study_connection(data, database) as connection:
        newest = await latest_study(connection, study_id)
        return newest, dict(await connection.fetchrow(queries("study")["study_totals"], newest.study_id))


@study.command()
def schema() -> None:
    """Print the JSON Schema of a study file."""
    click.echo(json_schema(), nl=False)
