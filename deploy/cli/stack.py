"""The commands that start, show, stop and delete a local stack."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from deploy.cli import data_option, json_option
from deploy.cli.following import follow, print_ends
from deploy.cli.interrupts import end_on_sigterm
from deploy.cli.showing import banner, table
from deploy.local import layout, services
from deploy.local.announce import console
from deploy.local.detached import start_detached
from deploy.local.leftovers import clean_up
from deploy.local.plan import PARTS, Options
from deploy.local.readiness import http_ready
from deploy.local.state import (
    Stack,
    StackError,
    StackNotRunning,
    describe,
    find,
    is_alive,
    live_record,
    owner_url,
    read_record,
    running_stack,
)
from deploy.local.supervisor import supervise

_DOWN_S: Final = 20.0


@click.command()
@data_option
@click.option("--detach", is_flag=True, help="Return once everything is ready; `eightbells down` stops it.")
@click.option("--brokers", type=click.Choice(["1", "3"]), help="Kafka brokers.  [default: 1]")
@click.option("--parts", default=",".join(PARTS), show_default=True, help="Start only these parts.")
@json_option
def up(data: Path, detach: bool, brokers: str | None, parts: str, as_json: bool) -> None:
    """Start Kafka, PostgreSQL and every process of Eight Bells, and keep them running.

    KAFKA_BOOTSTRAP and DATABASE_URL (as the database's owner) replace the embedded ones.

    Exit codes: 0 it was ready, and was stopped later where it is not detached, 1 it did not come up, 2 wrong
    use, 130 interrupted before it was ready.
    """
    end_on_sigterm()
    record = live_record(data)
    if record is not None:
        if record.phase != "ready":
            raise StackError(f"The stack in {data.absolute()} is {record.phase}.")
        click.echo(f"A stack is already running in {data.absolute()}.", err=True)
        _show(describe(data, record), as_json)
        return
    options = Options(
        data=data.absolute(),
        parts=tuple(part for part in parts.split(",") if part),
        brokers=int(brokers) if brokers else None,
        kafka=os.environ.get("KAFKA_BOOTSTRAP") or None,
        database=os.environ.get("DATABASE_URL") or None,
    )
    if detach:
        start_detached(options, console())
        _greet(data, as_json)
    else:
        asyncio.run(supervise(options, console(), lambda: _greet(data, as_json)))


@click.command()
@data_option
@json_option
def status(data: Path, as_json: bool) -> None:
    """Show addresses, processes and restarts. Exit code 3 if no stack runs."""
    try:
        stack = running_stack(data)
    except StackNotRunning:
        record = read_record(data)
        left = [] if record is None or is_alive(record.supervisor) else record.processes.values()
        if any(is_alive(process) for process in left):
            raise StackNotRunning(
                f"The supervisor of {data.absolute()} is gone and left processes behind; "
                "`eightbells up` or `eightbells down` stops them."
            ) from None
        raise
    _show(stack, as_json)


@click.command()
@data_option
@click.argument("part", required=False)
@click.option("-f", "--follow", "keep_on", is_flag=True, help="Go on with what is added.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Last lines of each log.",
)
def logs(data: Path, part: str | None, keep_on: bool, lines: int) -> None:
    """Print the logs' last lines: of PART, or of every part and the supervisor."""
    files = {file.stem: file for file in sorted((data / "logs").glob("*.log"))}
    if not files:
        raise StackNotRunning(f"No stack was started in {data.absolute()} yet.")
    if part is not None:
        chosen = {name: file for name, file in files.items() if part in (name, name.partition("-")[0])}
        if not chosen:
            raise click.BadParameter(f"there is none of {part!r}; there are {', '.join(files)}.")
        files = chosen
    print_ends(files, lines, click.echo)
    if keep_on:
        follow(files, click.echo)


@click.command()
@data_option
def down(data: Path) -> None:
    """Stop the stack and wait until nothing of it is left; its data stays."""
    record = live_record(data)
    supervisor = find(record.supervisor) if record else None
    if record is not None and supervisor is not None:
        began = time.monotonic()
        supervisor.send_signal(signal.SIGTERM)
        while is_alive(record.supervisor) and time.monotonic() - began < _DOWN_S:
            time.sleep(0.05)
        if is_alive(record.supervisor):
            supervisor.kill()
            while is_alive(record.supervisor):
                time.sleep(0.05)
        clean_up(data)
        click.echo(f"Stopped in {time.monotonic() - began:.1f} s; the data stays in {data.absolute()}.")
        return
    left = clean_up(data)
    if not left:
        raise StackNotRunning(f"No stack is running in {data.absolute()}.")
    click.echo(f"Its supervisor was gone; stopped {', '.join(name for name, _ in left)}.")


@click.command()
@data_option
@click.option("--yes", is_flag=True, help="Don't ask.")
def reset(data: Path, yes: bool) -> None:
    """Delete a stopped stack's data directory, reports and all."""
    if layout.read_layout(data) is None:
        raise StackNotRunning(f"There is no stack's data in {data.absolute()}.")
    if not yes:
        click.confirm(f"Delete {data.absolute()} with every report in it?", abort=True)
    if layout.hold(data) is None:
        raise StackError(f"The stack in {data.absolute()} is running; stop it with `eightbells down` first.")
    clean_up(data)
    for deleted in layout.remove(data):
        click.echo(f"Deleted {deleted}.")


@click.command()
@data_option
def migrate(data: Path) -> None:
    """Bring the database to the newest schema; safe to run twice.

    DATABASE_URL (as the owner) names the database, else the stack's own.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        running_stack(data)
        url = owner_url(data)
    applied = asyncio.run(services.migrate_database(data, url))
    click.echo(f"Migrations applied: {services.summary(applied, 'none; the schema was up to date')}.")


@click.command()
@data_option
def topics(data: Path) -> None:
    """Make the topics that are missing and check every one against the contract.

    KAFKA_BOOTSTRAP names the cluster, else the stack's own.
    """
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or running_stack(data).kafka

    async def make() -> list[str]:
        return await services.make_topics(bootstrap, await services.cluster_size(bootstrap))

    made = asyncio.run(make())
    click.echo(f"Topics made: {services.summary(made, 'none')}; all are as the contract has them.")


def _greet(data: Path, as_json: bool) -> None:
    stack = running_stack(data)
    click.echo(_as_json(stack) if as_json else banner(stack))


def _show(stack: Stack, as_json: bool) -> None:
    click.echo(_as_json(stack) if as_json else table(stack, asyncio.run(_conditions(stack))))


def _as_json(stack: Stack) -> str:
    return json.dumps(msgspec.to_builtins(stack), indent=2)


async def _conditions(stack: Stack) -> dict[str, str]:
    conditions = {}
    for name, process in stack.processes.items():
        if not is_alive(process):
            conditions[name] = "restarting"
        elif process.admin and (reason := await http_ready(process.admin)):
            conditions[name] = f"not ready: {reason}"
        else:
            conditions[name] = "ready" if process.admin else "running"
    return conditions
