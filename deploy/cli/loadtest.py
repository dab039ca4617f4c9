"""``eightbells loadtest``: send a burst, then look for every report of it."""

import json
import secrets
import sys
from pathlib import Path

import click

from deploy.cli import INTERRUPTED, data_option, json_option
from deploy.cli.bars import bar
from deploy.cli.interrupts import run
from deploy.cli.options import over_option, seconds_option
from deploy.local.state import running_stack
from loadtest.arrivals import PROFILES
from loadtest.burst import Connections, Plan, look, refuse_production_studies, send_burst, utc_now
from loadtest.client import Patience
from loadtest.reports import read_assignments
from loadtest.summary import Result, document, last_line, sending_lines, verdict_lines
from loadtest.wire import loopback_target


@click.group()
def loadtest() -> None:
    """Send a burst and look for every report of it."""


@loadtest.command(short_help="Send a burst, and look for every report of it.")
@click.option(
    "--tokens",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What `eightbells tokens mint` wrote.",
)
@over_option(required=True)
@click.option("--patients", type=click.IntRange(min=1), help="Only the first N of the file.")
@click.option(
    "--connections",
    type=click.Choice(["keep-alive", "one-each"]),
    default="keep-alive",
    show_default=True,
    help="A pool of connections, or one for each report.",
)
@click.option(
    "--pool", type=click.IntRange(min=1), default=512, show_default=True, help="The pool's most connections."
)
@click.option("--profile", type=click.Choice(list(PROFILES)), default="uniform", show_default=True)
@click.option("--retry", is_flag=True, help="Send again what was not accepted, as patients' apps do.")
@seconds_option("--timeout", "How long an answer may take.", default=10.0, show_default=True)
@seconds_option("--give-up", "How long a report is retried.", default=60.0, show_default=True)
@click.option(
    "--settle",
    type=click.FloatRange(min=0.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the ledger may take to have them all.",
)
@click.option("--seed", type=int, help="Repeats order, arrivals and answers; report ids are always new.")
@json_option
@click.option("--gateway", metavar="URL", help="A gateway on this machine, instead of the stack's.")
@click.option("--database", metavar="URL", help="The read-only role's, instead of the stack's.")
@data_option
def burst(
    tokens: Path,
    over: float,
    patients: int | None,
    connections: Connections,
    pool: int,
    profile: str,
    retry: bool,
    timeout: float,
    give_up: float,
    settle: float,
    seed: int | None,
    as_json: bool,
    gateway: str | None,
    database: str | None,
    data: Path,
) -> None:
    """Let N patients report within a time, and prove what became of every report.

    Open loop: each report has its moment in advance, and its latency counts from then. Afterwards the ledger
    is asked for every one of them. Answers are made up for the demo study's instruments; a report for any
    other instrument carries none, and its items are flagged as missing.

    Exit codes: 0 fine, 1 something was lost, invented or doubled (or nothing was accepted), 2 wrong use,
    3 the stack isn't there, 130 interrupted.
    """
    if gateway is None or database is None:
        stack = running_stack(data)
        gateway, database = gateway or stack.gateway, database or stack.database
    if seed is None:
        seed = secrets.randbits(32)
    patience = Patience(retry=retry, timeout=timeout, give_up=give_up)
    plan = Plan(over, profile, connections, pool, patience, seed)
    result = run(_burst(gateway, database, tokens, patients, plan, settle, quiet=as_json))
    if as_json:
        click.echo(json.dumps({**document(result), "seed": seed}))
    else:
        for line in (*sending_lines(result.sent), f"{'seed':<12} {seed}", *verdict_lines(result.verdict)):
            click.echo(line)
        click.echo(last_line(result))
    if result.sent.interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(0 if result.ok else 1)


async def _burst(
    gateway: str, database: str, tokens: Path, patients: int | None, plan: Plan, settle: float, *, quiet: bool
) -> Result:
    target = loopback_target(gateway)
    assignments = read_assignments(tokens, patients)
    await refuse_production_studies(database, assignments, utc_now())
    with bar("Reports", quiet=quiet) as progress:
        sent = await send_burst(target, assignments, plan, utc_now, progress)
    with bar("Ledger", quiet=quiet) as progress:
        verdict = await look(sent, database, 5.0 if sent.interrupted else settle, progress)
    return Result(sent, verdict)
