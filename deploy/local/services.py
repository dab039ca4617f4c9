"""Kafka and PostgreSQL of a stack: fetched and set up, ready to be kept running; then topics and schema."""

import asyncio
import functools
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from deploy.local import aot, broker, postgres
from deploy.local.announce import Announce, Event
from deploy.local.children import Command, Run
from deploy.local.credentials import OWNER
from deploy.local.jars import jars_dir, read_lock
from deploy.local.keeper import Part
from deploy.local.parts import PARTITIONS
from deploy.local.plan import Plan
from deploy.local.ports import LOOPBACK
from deploy.local.readiness import broker_count, kafka_answers, postgres_answers
from deploy.local.state import StackError, role_passwords, with_login
from ingest_gateway.contracts.topics import TopicSpec, topic_specs
from ingest_gateway.process.topics import UnsafeTopic, check_topic, ensure_topics
from projections.migrate import migrate

_KNOWN_WITHIN_S: Final = 15.0

ReadLines = Callable[[Command, Callable[[str], None]], Awaitable[int]]
"""Runs a command, handing over each line it writes; returns the exit code."""


async def fetch_jars(run: ReadLines, announce: Announce) -> list[Path]:
    """Make sure that every jar is there and is the listed one.

    In a process of its own: it has the user's whole environment (proxies, certificates), and it can be
    stopped in the middle.

    Raises:
        StackError: a jar cannot be had or is not the listed one.
    """
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        announce(Event("progress", "jars", line))

    argv = [sys.executable, "-P", "-m", "deploy.local.jars"]
    if await run(Command(argv=argv, env=dict(os.environ), cwd=Path("/")), heard):
        raise StackError(lines[-1].removeprefix("Error: ") if lines else "The jars cannot be fetched.")
    return [jars_dir() / jar.path for jar in read_lock()]


async def set_up_postgres(plan: Plan, run: Run) -> tuple[Part, postgres.Home]:
    """Decide where PostgreSQL lives, and make its cluster where there is none."""
    home = postgres.find_home(plan.data)
    password = role_passwords(plan.data)[OWNER]
    await postgres.initialise(home, password, run)
    port = plan.ports["postgres"]
    maintenance = with_login(f"postgresql://{LOOPBACK}:{port}/postgres", OWNER, password)
    part = Part(
        name="postgres",
        command=postgres.server_command(home, port),
        port=port,
        ready=functools.partial(postgres_answers, maintenance),
        prepare=functools.partial(postgres.forget_stale_lock, home),
    )
    return part, home


async def set_up_kafka(plan: Plan, java: broker.Java, aot_cache: Path | None, run: Run) -> list[Part]:
    """Write each node's settings and format what is new.

    A cluster of three is ready when each node sees all three.
    """
    cluster = broker.nodes(plan.data / "kafka", plan.brokers, plan.ports)
    await asyncio.gather(*(broker.prepare(node, cluster, plan.cluster_id, java, run) for node in cluster))
    return [
        Part(
            name=node.part,
            command=broker.node_command(node, java, aot.use(aot_cache) if aot_cache else ()),
            fallback=broker.node_command(node, java) if aot_cache else None,
            port=node.port,
            ready=functools.partial(kafka_answers, broker.bootstrap([node]), len(cluster)),
        )
        for node in cluster
    ]


def kafka_address(plan: Plan) -> str:
    """The bootstrap addresses of this stack's Kafka, embedded or not; empty where there is none."""
    if plan.kafka:
        return plan.kafka
    if "kafka" not in plan.parts:
        return ""
    return broker.bootstrap(broker.nodes(plan.data / "kafka", plan.brokers, plan.ports))


def database_address(plan: Plan) -> str:
    """The owner's URL of this stack's database, embedded or not; empty where there is none."""
    if plan.database:
        return plan.database
    if "postgres" not in plan.parts:
        return ""
    return postgres.owner_address(plan.ports["postgres"], role_passwords(plan.data)[OWNER])


async def make_database(owner_url: str) -> None:
    """Create the embedded database where it is missing."""
    base, _, name = owner_url.rpartition("/")
    connection = await asyncpg.connect(f"{base}/postgres")
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await connection.execute(f"create database {name}")
    finally:
        await connection.close()


async def migrate_database(data: Path, owner_url: str) -> list[str]:
    """Bring the schema and the roles' passwords up to date; returns the migrations that were applied.

    Raises:
        MigrationError: the database was migrated by other files.
        StackError: the database refuses.
    """
    passwords = {role: password for role, password in role_passwords(data).items() if role != OWNER}
    try:
        return await migrate(owner_url, passwords, datetime.now(UTC))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"The database cannot be migrated: {error}") from error


async def cluster_size(bootstrap: str) -> int:
    """How many brokers Kafka has.

    Raises:
        StackError: it does not answer.
    """
    try:
        return await broker_count(bootstrap)
    except (OSError, TimeoutError, KafkaError) as error:
        raise StackError(f"Kafka at {bootstrap} does not answer: {str(error) or repr(error)}.") from error


async def make_topics(bootstrap: str, brokers: int) -> list[str]:
    """Make the contract's topics where they are missing, and check them all; returns those that were made.

    Raises:
        UnsafeTopic: one differs from the contract.
        StackError: Kafka refuses.
    """
    replication, min_insync = broker.copies(brokers)
    specs = topic_specs(PARTITIONS)
    try:
        made = await ensure_topics(bootstrap, specs, replication, min_insync)
        for spec in specs:
            await _check(bootstrap, spec, min_insync, is_new=spec.name in made)
    except (OSError, TimeoutError, KafkaError) as error:
        raise StackError(f"The topics cannot be made or checked: {error!r}") from error
    return made


async def _check(bootstrap: str, spec: TopicSpec, min_insync: int, is_new: bool) -> None:
    """Check a topic. One that was just made is not known to every broker at once."""
    deadline = asyncio.get_running_loop().time() + _KNOWN_WITHIN_S
    while True:
        try:
            await check_topic(bootstrap, spec, min_insync)
            return
        except (UnsafeTopic, UnknownTopicOrPartitionError):
            if not is_new or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(0.2)


def summary(names: Sequence[str], nothing: str) -> str:
    """What was made, for a progress line."""
    return ", ".join(names) if names else nothing
