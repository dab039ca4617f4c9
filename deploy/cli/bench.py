"""``eightbells bench``: what a report costs."""

import json

import click
import msgspec

from deploy.bench.live import live_lines, measure_live
from deploy.bench.page import document, page
from deploy.bench.run import Asked, measure_all, temporary_stack
from deploy.cli import json_option
from deploy.cli.interrupts import end_on_sigterm, run
from loadtest.burst import utc_now


@click.command()
@click.option("--reports", type=click.IntRange(min=100), default=10_000, show_default=True, help="A round.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="That count.")
@click.option("--profile", is_flag=True, help="Also profile a gateway and a worker.")
@click.option("--live", is_flag=True, help="Measure live push instead: sockets open during a burst.")
@click.option("--sockets", type=click.IntRange(min=1), default=1_000, show_default=True, help="For --live.")
@json_option
def bench(reports: int, rounds: int, profile: bool, live: bool, sockets: int, as_json: bool) -> None:
    """Measure CPU per report: the gateway against a peer, and every process along the whole way.

    Everything runs in a stack of its own, which is removed afterwards. Figures depend on the machine and on
    what else runs on it; ratios of one run can be compared. A goal that is missed is said, and is no error.
    """
    end_on_sigterm()
    with temporary_stack() as stack:
        if live:
            figures = run(measure_live(stack, sockets, reports, utc_now, _tell))
            click.echo(
                json.dumps(msgspec.to_builtins(figures)) if as_json else "\n".join(live_lines(figures))
            )
            return
        asked = Asked(reports, rounds, profile)
        result = run(measure_all(stack, asked, utc_now, _tell))
        if as_json:
            click.echo(json.dumps(document(result)))
        else:
            click.echo("\n".join(page(result)))


def _tell(line: str) -> None:
    click.echo(f"  {line}", err=True)
