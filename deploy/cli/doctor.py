"""``eightbells doctor``: does a report get through, and if not, where does it stop?"""

import asyncio
import json
from pathlib import Path

import click
import msgspec

from deploy.cli import data_option, json_option
from deploy.local.doctor import UNSENT, Check, examine
from deploy.local.state import Stack, running_stack


@click.command()
@data_option
@click.option("--study", "study_id", metavar="ID", help="The study; needed where there are several.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, data: Path, study_id: str | None, as_json: bool) -> None:
    """Follow one synthetic report end to end and name the part that is broken.

    The report is of a patient of the doctor's own, enrolled at the first use; a production study is left
    alone.

    Exit codes: 0 nothing is broken, 1 something is broken, 2 wrong use, 3 the stack isn't there.
    """
    stack = running_stack(data)
    checks = asyncio.run(_examine(data, stack, study_id, show=not as_json))
    broken = [check for check in checks if not check.ok]
    if as_json:
        told = {"ok": not broken, "checks": [msgspec.to_builtins(check) for check in checks]}
        click.echo(json.dumps(told, indent=2))
    elif broken:
        click.echo(f"\nBroken: {broken[0].part}. {broken[0].hint[:1].upper()}{broken[0].hint[1:]}.")
    else:
        click.echo(f"\n{_verdict(checks)}")
    ctx.exit(1 if broken else 0)


def _verdict(checks: list[Check]) -> str:
    """All is well only where a report was followed; else what keeps one from being sent comes first."""
    unsent = next((check for check in checks if check.part == UNSENT), None)
    if unsent is None:
        return "All is well."
    hint = f" {unsent.hint[:1].upper()}{unsent.hint[1:]}." if unsent.hint else ""
    return f"Nothing is broken as far as can be seen without a report; one was {unsent.text}.{hint}"


async def _examine(data: Path, stack: Stack, study_id: str | None, show: bool) -> list[Check]:
    checks = []
    async for check in examine(data, stack, study_id):
        checks.append(check)
        if show:
            mark = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red")
            hint = f"\n      {check.hint}" if check.hint and not check.ok else ""
            click.echo(f"  {mark} {check.part}: {check.text}{hint}")
    return checks
