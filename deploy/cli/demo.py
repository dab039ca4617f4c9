"""``eightbells demo``: a whole burst, from enrolment to the study board."""

import os
import sys
from pathlib import Path

import click

from deploy.cli import data_option
from deploy.cli.bars import bar
from deploy.cli.interrupts import end_on_sigterm, run
from deploy.cli.options import over_option
from deploy.cli.verify import verify
from deploy.demo.alarms import SELF_HARM, answering, one_of_each, watched_sites
from deploy.demo.guide import guide, welcome
from deploy.demo.run import Demo, evening_bursts, open_alerts, proven_burst, questionnaires, set_stage
from deploy.demo.stage import ensure_stack, stop_stack
from deploy.demo.watch import StackStopped, while_it_runs
from deploy.local.state import Stack
from loadtest.burst import utc_now
from loadtest.summary import Result, last_line, sending_lines, verdict_lines
from projections.study.model import Study


@click.command()
@click.option("--patients", type=click.IntRange(min=1), default=20_000, show_default=True)
@over_option(default=10.0, show_default=True)
@click.option(
    "--small-burst",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Reports a minute afterwards.",
)
@data_option
def demo(patients: int, over: float, small_burst: int, data: Path) -> None:
    """Start everything, let every patient report within seconds, and prove that no report is lost.

    With CI=true it stops the stack it has started and exits; otherwise it stays up until Ctrl-C or
    `eightbells down`, and sends a small burst every minute, some of which raise alerts. It may be run again
    on the same data: then the same patients report once more.

    Exit codes: 0 every report was accepted and is projected, 1 one was not, 2 wrong use, 3 the stack was
    stopped before that was known, or broke down.
    """
    end_on_sigterm()
    asked = Demo(data, patients, over, small_burst)
    stack, started = ensure_stack(data)
    if not started:
        click.echo(f"A stack is running in {stack.dataDir} already; the demonstration uses it.")
    stays = os.environ.get("CI", "").lower() not in ("true", "1")
    try:
        result, study, fine = run(while_it_runs(data, _act(asked, stack)))
        fine = _ledger_holds(data) and fine
        click.echo("Look around:")
        for line in guide(stack, study):
            click.echo(line)
        if stays:
            click.echo(last_line(result))
            fine = _stay(asked, study) and fine
    finally:
        if started:
            stop_stack(data, stack)
    if not stays:
        click.echo(last_line(result))
    sys.exit(0 if fine else 1)


async def _act(asked: Demo, stack: Stack) -> tuple[Result, Study, bool]:
    """The morning's burst, and a questionnaire at each watched site: is every report of both projected?"""
    study, due = await set_stage(asked, utc_now, click.echo, bar)
    click.echo("Open this to see them arrive:")
    for line in welcome(stack, study):
        click.echo(line)
    click.echo(f"Sending {len(due):,} reports in {asked.over:g} s …")
    result = await proven_burst(stack, due, asked.over, utc_now, bar)
    for line in (*sending_lines(result.sent), *verdict_lines(result.verdict)):
        click.echo(f"  {line}")
    sites = watched_sites(study)
    critical = one_of_each(await questionnaires(asked, study, utc_now()), sites)
    asked_too = await proven_burst(stack, answering(critical, sites, [SELF_HARM]), 1.0, utc_now, bar)
    click.echo(f"  mood questionnaires: {last_line(asked_too)}")
    click.echo(f"  open alerts: {await open_alerts(stack.database)}")
    return result, study, result.complete and asked_too.complete


def _ledger_holds(data: Path) -> bool:
    """What ``eightbells verify`` says, shown as it shows it."""
    try:
        verify.main(["--data", str(data)], standalone_mode=False)
    except SystemExit as end:
        return end.code == 0
    return True


def _stay(asked: Demo, study: Study) -> bool:
    """Until Ctrl-C, or until somebody stops the stack: both are how it is meant to end."""
    click.echo("It stays up until Ctrl-C; every minute some phones that were offline report too.")
    try:
        run(while_it_runs(asked.data, evening_bursts(asked, study, utc_now, click.echo)))
    except KeyboardInterrupt:
        click.echo("")
        return True
    except StackStopped as stopped:
        if not stopped.orderly:
            raise
        click.echo(f"{stopped} So ends the demonstration.")
        return True
    return False
