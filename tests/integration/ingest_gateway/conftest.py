"""A gateway in front of a fake Kafka, for what is about HTTP and not about Kafka."""

from collections.abc import AsyncIterator

import pytest

from tests.gateways import FakeKafka, RunningGateway, running_gateway


@pytest.fixture
def kafka() -> FakeKafka:
    """The log behind ``gateway``."""
    return FakeKafka()


@pytest.fixture
async def gateway(kafka: FakeKafka) -> AsyncIterator[RunningGateway]:
    """A gateway with the contract's limits."""
    async with running_gateway(kafka.open) as running:
        yield running


@pytest.fixture
async def impatient(kafka: FakeKafka) -> AsyncIterator[RunningGateway]:
    """A gateway that waits a fraction of a second where the contract says seconds."""
    async with running_gateway(
        kafka.open, header_timeout=0.4, body_timeout=0.4, keep_alive=0.8, ack_timeout=0.5
    ) as running:
        yield running
