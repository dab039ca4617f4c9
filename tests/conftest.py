"""A real Kafka and PostgreSQL for the tests that need them: one stack a session, a fresh database a test.

KAFKA_BOOTSTRAP and DATABASE_URL (the owner's) name systems that exist already; with both set, nothing is
started.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.children import die_with_parent
from deploy.local.state import Stack, owner_url, role_passwords, running_stack, with_login
from ingest_gateway.contracts.topics import REPORTS, TopicSpec, topic_specs
from ingest_gateway.process.topics import ensure_topics
from projections.migrate import migrate


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


EIGHTBELLS = Path(sys.executable).with_name("eightbells")


@contextlib.contextmanager
def stack_for_tests(data: Path) -> Iterator[Stack]:
    """Kafka and PostgreSQL of our own. They end with us, even if we are killed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("KAFKA_BOOTSTRAP", "DATABASE_URL")}
    up = subprocess.Popen(
        [EIGHTBELLS, "up", "--parts", "kafka,postgres", "--data", data],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
    )  # fmt: skip
    assert up.stdout is not None
    try:
        banner = up.stdout.readline()
        assert banner, up.communicate()[1]
        yield running_stack(data)
    finally:
        up.terminate()
        up.communicate(timeout=30)
        subprocess.run([EIGHTBELLS, "reset", "--yes", "--data", data], capture_output=True, check=True)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Kafka and PostgreSQL, for the whole session."""
    kafka, database = os.environ.get("KAFKA_BOOTSTRAP"), os.environ.get("DATABASE_URL")
    if kafka and database:
        yield Services(kafka, database)
        return
    data = tmp_path_factory.mktemp("services")
    with stack_for_tests(data) as stack:
        yield Services(stack.kafka, owner_url(data), role_passwords(data))


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
    await _execute(services.owner_url, f"create database {name} template {template_database}")
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
