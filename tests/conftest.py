"""A real Kafka and PostgreSQL for the tests that need them: one stack a run, a fresh database a test.

Where tests run side by side (pytest -n), the process that hands them out starts the stack, and all share it.
KAFKA_BOOTSTRAP and DATABASE_URL (the owner's) name systems that exist already; with both set, nothing is
started.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.state import owner_url, role_passwords, running_stack, with_login
from ingest_gateway.contracts.topics import REPORTS, TopicSpec, topic_specs
from ingest_gateway.process.topics import ensure_topics
from projections.migrate import migrate
from tests.stack import throw_away_stack


@dataclass(frozen=True)
class Services:
    """A broker, and a database server as its owner. ``passwords`` is empty where the server asks for none."""

    kafka: str
    owner_url: str
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    def database(self, name: str) -> str:
        """The owner's URL of a database on that server."""
        return f"{self.owner_url.rpartition('/')[0]}/{name}"


@dataclass(frozen=True)
class Database:
    """A migrated database of a test's own. ``url`` is its owner's."""

    url: str
    passwords: Mapping[str, str] = field(repr=False)

    def role(self, role: str) -> str:
        """Its URL for one of the processes' roles."""
        if role in self.passwords:
            return with_login(self.url, role, self.passwords[role])
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{role}@{rest.rpartition('@')[2]}"


MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
MEMORY_BYTES = 4 * 1024**3
"""More than the databases of a whole run, dropped one by one, and the topics' logs ever take."""


def roomy_memory() -> str | None:
    """Where making and dropping databases costs no disk; None where that is small, or runs no programs."""
    if not Path(MEMORY).is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free >= MEMORY_BYTES else None


@contextlib.contextmanager
def real_services() -> Iterator[Services]:
    """The systems that the environment names, else a stack of our own."""
    kafka, database = os.environ.get("KAFKA_BOOTSTRAP"), os.environ.get("DATABASE_URL")
    if kafka and database:
        yield Services(kafka, database)
        return
    with tempfile.TemporaryDirectory(prefix="eightbells-test-", dir=roomy_memory()) as folder:
        Path(folder).chmod(0o711)  # a PostgreSQL that root starts runs as another user
        data = Path(folder, "stack")
        with throw_away_stack("--parts", "kafka,postgres", data=data):
            yield Services(running_stack(data).kafka, owner_url(data), role_passwords(data))


class Worker(Protocol):
    """What pytest-xdist knows of a process that runs a part of the tests, before it starts it."""

    config: pytest.Config
    workerinput: dict[str, Any]


SHARED = pytest.StashKey[Services]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Worker) -> None:
    """Called by pytest-xdist where tests are handed out: start the services once, and tell each worker."""
    config = node.config
    if SHARED not in config.stash:
        running = contextlib.ExitStack()
        config.add_cleanup(running.close)
        config.stash[SHARED] = running.enter_context(real_services())
    node.workerinput["services"] = asdict(config.stash[SHARED])


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> Iterator[Services]:
    """Kafka and PostgreSQL, for the whole run."""
    shared: dict[str, Any] | None = getattr(pytestconfig, "workerinput", {}).get("services")
    if shared is not None:
        yield Services(**shared)
        return
    with real_services() as started:
        yield started


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def template_database(services: Services) -> Iterator[str]:
    """The name of a migrated database; a copy of it takes a tenth of migrating another."""
    name = f"eb_template_{secrets.token_hex(6)}"
    asyncio.run(_execute(services.owner_url, f"create database {name}"))
    asyncio.run(migrate(services.database(name), {}, datetime.now(UTC)))
    yield name
    asyncio.run(_execute(services.owner_url, f"drop database {name} with (force)"))


@pytest.fixture
async def database(services: Services, template_database: str) -> AsyncIterator[Database]:
    """A migrated, empty database, dropped after the test."""
    name = f"eb_test_{secrets.token_hex(6)}"
    copied = f"create database {name} template {template_database} strategy file_copy"
    await _execute(services.owner_url, copied)
    yield Database(services.database(name), services.passwords)
    await _execute(services.owner_url, f"drop database {name} with (force)")


@pytest.fixture
async def topic(services: Services) -> AsyncIterator[TopicSpec]:
    """A topic of its own with the settings that the reports' topic has, deleted after the test."""
    [reports] = [spec for spec in topic_specs(12) if spec.name == REPORTS]
    spec = TopicSpec(f"eb-test-{secrets.token_hex(6)}", reports.partitions, reports.settings)
    await ensure_topics(services.kafka, [spec], 1, 1)
    yield spec
    admin = AIOKafkaAdminClient(bootstrap_servers=services.kafka)
    await admin.start()
    try:
        await admin.delete_topics([spec.name])
    finally:
        await admin.close()
