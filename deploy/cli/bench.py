"""``eightbells bench``: what a report costs."""

import json

import click

from deploy.bench.page import document, page
from deploy.bench.run import Asked, measure_all, temporary_stack
from deploy.cli import json_option
from deploy.cli.interrupts import end_on_sigterm
from deploy.cli.loadtest import run
from loadtest.burst import utc_now


@click.command()
@click.option("--reports", type=click.IntRange(min=100), default=10_000, show_default=True, help="A round.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="That count.")
@click.option("--profile", is_flag=True, help="Also profile a gateway and a worker.")
@json_option
def bench(reports: int, rounds: int, profile: bool, as_json: bool) -> None:
    """Measure CPU per report: the gateway against a peer, and every process along the whole way.

    Everything runs in a stack of its own, which is removed afterwards. Figures depend on the machine and on
    what else runs on it; ratios of one run can be compared. A goal that is missed is said, and is no error.
    """
    end_on_sigterm()
    with temporary_stack() as stack:
        asked = Asked(reports, rounds, profile)
        result = run(measure_all(stack, asked, utc_now, lambda line: click.echo(f"  {line}", err=True)))
        if as_json:
            click.echo(json.dumps(document(result)))
        else:
            click.echo("\n".join(page(result)))
