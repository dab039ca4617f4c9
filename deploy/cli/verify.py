"""``eightbells verify``: prove that the ledger lost and doubled nothing, and that nobody edited it."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

import asyncpg
import click
import msgspec
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from deploy.cli import data_option, json_option
from deploy.local.state import StackNotRunning, action_seal_keys_file, running_stack, seal_keys_file
from ingest_gateway.auth.keys import UnsafeKeys, load_keys
from ingest_gateway.contracts.topics import REPORTS, SEALS
from ingest_gateway.process.topic_identity import TopicIdentity
from ingest_gateway.process.topics import topic_identity
from projections.log_ends import log_ends, published_heads
from projections.sql import queries
from projections.verify import Verification
from projections.verify import verify as verify_ledger

_LOOK_EVERY_S: Final = 0.2


class Target(msgspec.Struct, frozen=True):
    """Which ledger, which log, and the file of the keys that seal the one."""

    database: str
    kafka: str
    seal_keys: Path
    action_seal_keys: Path | None
    topic: str


@click.command(
    epilog="Exit codes: 0 fine, 1 something was found, 2 wrong use, 3 the stack isn't there.",
)
@json_option
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds to let the worker catch up with the log first.",
)
@click.option("--database", metavar="URL", help="A ledger without a local stack, instead of --data.")
@click.option("--kafka", metavar="HOST:PORT", help="Its brokers.")
@click.option(
    "--seal-keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The key file that seals it.",
)
@click.option(
    "--action-seal-keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The key file that seals what people do there; without it that is not checked.",
)
@click.option("--topic", default=REPORTS, show_default=True, help="The topic it is the ledger of.")
@data_option
def verify(
    as_json: bool,
    wait: float,
    database: str | None,
    kafka: str | None,
    seal_keys: Path | None,
    action_seal_keys: Path | None,
    topic: str,
    data: Path,
) -> None:
    """Check that every offset of the log has one ledger row, that seals, identities and counters hold."""
    target = _target(database, kafka, seal_keys, action_seal_keys, topic, data)
    result = asyncio.run(_verify(target, wait))
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        _show(result)
    sys.exit(0 if result.ok else 1)


def _target(
    database: str | None,
    kafka: str | None,
    seal_keys: Path | None,
    action_seal_keys: Path | None,
    topic: str,
    data: Path,
) -> Target:
    if database and kafka and seal_keys:
        return Target(database, kafka, seal_keys, action_seal_keys, topic)
    if database or kafka or seal_keys or action_seal_keys:
        raise click.UsageError("--database, --kafka and --seal-keys go together.")
    stack = running_stack(data)
    return Target(stack.database, stack.kafka, seal_keys_file(data), action_seal_keys_file(data), topic)


async def _verify(target: Target, wait: float) -> Verification:
    try:
        keys = load_keys(target.seal_keys)
        action_keys = load_keys(target.action_seal_keys) if target.action_seal_keys else None
    except UnsafeKeys as error:
        raise click.UsageError(str(error)) from None
    try:
        identity = await topic_identity(target.kafka, target.topic)
        connection = await asyncpg.connect(target.database, timeout=10)
        try:
            ends = await _until_idle(connection, target, identity, wait)
            heads = await published_heads(target.kafka, SEALS) if target.topic == REPORTS else []
            return await verify_ledger(
                connection,
                keys,
                identity,
                ends,
                lambda: log_ends(target.kafka, target.topic),
                published=heads,
                action_keys=action_keys,
            )
        finally:
            await connection.close(timeout=10)
    except KafkaError as error:
        raise StackNotRunning(f"Kafka does not answer ({type(error).__name__}).") from None
    except asyncpg.UndefinedTableError:
        raise StackNotRunning("The database has no tables of ours; run `eightbells migrate`.") from None
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise StackNotRunning(f"The database does not answer ({type(error).__name__}).") from None


async def _until_idle(
    connection: asyncpg.Connection, target: Target, identity: TopicIdentity, wait: float
) -> dict[int, int]:
    """Wait until the ledger has reached the end of the log, or ``wait`` seconds; return the ends."""
    deadline = time.monotonic() + wait
    while True:
        ends = await log_ends(target.kafka, target.topic)
        rows = await connection.fetch(queries("verify")["reached"], identity.cluster_id, identity.topic_id)
        reached = {row[0]: row[1] for row in rows}
        if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
            return ends
        if time.monotonic() >= deadline:
            return ends
        await asyncio.sleep(_LOOK_EVERY_S)


def _show(result: Verification) -> None:
    table = Table("partition", "first", "next", "end", "accepted", "duplicate", "quarantined", "gap")
    for one in result.partitions:
        cells = (
            one.partition,
            one.first,
            one.next,
            one.end,
            one.accepted,
            one.duplicate,
            one.quarantined,
            one.gap,
        )
        table.add_row(*("–" if cell is None else f"{cell:,}" for cell in cells))
    console = Console()
    console.print(table)
    for finding in result.findings:
        where = "" if finding.partition is None else f" at {finding.partition}/{finding.offset}"
        console.print(f"[red]{finding.kind}{where}: {finding.detail}")
    console.print("Nothing is lost, doubled or altered." if result.ok else "Not as it has to be.")
