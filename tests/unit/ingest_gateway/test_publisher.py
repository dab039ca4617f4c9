"""What becomes of reports while Kafka is silent, breaks, or is not there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ingest_gateway.admission import Admission
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.producer import Record
from ingest_gateway.publisher import NO_ACKS, NOT_CONNECTED, SHUTTING_DOWN, Publisher
from tests.gateways import FakeKafka
from tests.waiting import until

ACK_TIMEOUT_S = 0.05


@dataclass
class Outcome:
    told: list[str] = field(default_factory=list)

    def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
        self.told.append(f"published at {partition}/{offset}")

    def unpublished(self, *, maybe: bool) -> None:
        self.told.append("unknown" if maybe else "not published")


@dataclass
class World:
    kafka: FakeKafka
    publisher: Publisher
    admission: Admission
    metrics: GatewayMetrics

    def publish(self, value: bytes = b"report", partition: int = 0) -> Outcome:
        outcome = Outcome()
        self.admission.reserve(len(value))
        self.publisher.publish(partition, Record(b"P-1", value, []), outcome)
        return outcome

    async def time_passes(self) -> None:
        """Longer than anybody waits for an acknowledgement."""
        await asyncio.sleep(0.06)
        self.publisher.sweep(0.01)

    def sweep_as_of(self, instant: float) -> None:
        """Give up what was opened, and forget what was acknowledged, before this time of the loop."""
        self.publisher.sweep(ACK_TIMEOUT_S - (asyncio.get_running_loop().time() - instant))


@contextlib.asynccontextmanager
async def world_around(kafka: FakeKafka) -> AsyncIterator[World]:
    admission, metrics = Admission(1000, 2**20), GatewayMetrics()
    publisher = Publisher(
        kafka.open,
        12,
        admission,
        metrics,
        linger=0.001,
        ack_timeout=ACK_TIMEOUT_S,
        clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
    )
    running = asyncio.create_task(publisher.run())
    yield World(kafka, publisher, admission, metrics)
    running.cancel()
    await publisher.close(0.05)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_around(FakeKafka()) as around:
        await until(lambda: around.admission.closed_because is None)
        yield around


async def test_nothing_is_admitted_until_kafka_has_been_reached() -> None:
    kafka = FakeKafka()
    kafka.reachable = False
    async with world_around(kafka) as world:
        await asyncio.sleep(0.05)
        assert world.admission.refuses() == NOT_CONNECTED
        kafka.reachable = True
        await until(lambda: world.admission.refuses() is None)


async def test_without_an_ack_the_outcome_is_unknown_and_stays_counted(world: World) -> None:
    world.kafka.silent = True
    outcome = world.publish()
    await until(lambda: bool(world.kafka.pending))
    await world.time_passes()
    assert outcome.told == ["unknown"]
    assert world.admission.reports == 1
    assert world.metrics.unknown_outcomes == 1


async def test_while_kafka_confirms_nothing_nothing_is_admitted_and_an_ack_opens_again(world: World) -> None:
    world.kafka.silent = True
    outcome = world.publish()
    await until(lambda: bool(world.kafka.pending))
    await world.time_passes()
    assert world.admission.refuses() == NO_ACKS
    world.kafka.speak()
    await until(lambda: world.admission.refuses() is None)
    assert outcome.told == ["unknown"]
    assert world.admission.reports == 0
    assert world.metrics.late_acks == 1


async def test_what_waited_behind_a_silent_batch_was_never_sent(world: World) -> None:
    world.kafka.silent = True
    first = world.publish()
    await until(lambda: bool(world.kafka.pending))
    second = world.publish()
    await world.time_passes()
    assert (first.told, second.told) == (["unknown"], ["not published"])
    assert world.admission.reports == 1
    world.kafka.speak()
    await until(lambda: world.admission.reports == 0)
    assert world.kafka.values() == [b"report"]


async def test_a_silent_partition_refuses_at_once_and_the_others_go_on(world: World) -> None:
    world.kafka.silent = True
    stuck = world.publish(partition=0)
    await until(lambda: bool(world.kafka.pending))
    pending, world.kafka.pending, world.kafka.silent = world.kafka.pending, [], False
    await asyncio.sleep(0.03)
    between = asyncio.get_running_loop().time()
    await asyncio.sleep(0.03)
    fine = world.publish(partition=1)
    await until(lambda: bool(fine.told))
    world.sweep_as_of(between)
    assert stuck.told == ["unknown"]
    assert world.admission.refuses() is None
    assert world.publish(partition=0).told == ["not published"]
    world.kafka.pending = pending
    world.kafka.speak()
    await until(lambda: world.admission.reports == 0)
    again = world.publish(partition=0)
    await until(lambda: bool(again.told))
    assert again.told == ["published at 0/1"]


async def test_a_broken_producer_is_replaced_and_what_it_had_is_unknown(world: World) -> None:
    world.kafka.silent = True
    outcomes = [world.publish(partition=n) for n in range(3)]
    await until(lambda: len(world.kafka.pending) == 3)
    kept = world.kafka.pending[1:]
    world.kafka.pending = world.kafka.pending[:1]
    world.kafka.fail(ValueError("OUT_OF_ORDER_SEQUENCE_NUMBER"))
    await until(lambda: world.kafka.opened == 2)
    assert [outcome.told for outcome in outcomes] == [["unknown"]] * 3
    for _, _, ack in kept:
        ack.cancel()
    await until(lambda: world.admission.reports == 0)
    world.kafka.silent = False
    await until(lambda: world.admission.refuses() is None)
    after = world.publish()
    await until(lambda: bool(after.told))
    assert after.told == ["published at 0/0"]
    assert world.metrics.producer_rebuilds == 1


async def test_an_old_producers_late_ack_disturbs_nothing(world: World) -> None:
    world.kafka.silent = True
    world.publish(partition=0)
    late = world.publish(partition=1)
    await until(lambda: len(world.kafka.pending) == 2)
    first, second = world.kafka.pending
    world.kafka.pending = []
    first[2].set_exception(ValueError())
    await until(lambda: world.kafka.opened == 2)
    world.kafka.silent = False
    second[2].set_result(world.kafka.append(1, second[1]))
    await until(lambda: world.admission.reports == 0)
    assert late.told == ["unknown"]
    assert world.metrics.producer_rebuilds == 1


async def test_a_success_without_an_offset_is_a_success(world: World) -> None:
    world.kafka.without_offsets = True
    outcome = world.publish()
    await until(lambda: bool(outcome.told))
    assert outcome.told == ["published at 0/None"]


async def test_a_batch_goes_out_while_another_of_its_partition_is_awaited_only_after_it(world: World) -> None:
    world.kafka.silent = True
    for number in range(5):
        world.publish(b"%d" % number)
        await asyncio.sleep(0.002)
    assert len(world.kafka.pending) == 1
    world.kafka.speak()
    await until(lambda: len(world.kafka.values()) == 5)
    assert world.kafka.values() == [b"0", b"1", b"2", b"3", b"4"]


async def test_after_closing_nothing_is_admitted(world: World) -> None:
    await world.publisher.close(0.05)
    assert world.admission.refuses() == SHUTTING_DOWN


async def test_a_waiter_that_fails_does_not_cost_the_others_their_answer(world: World) -> None:
    class Failing(Outcome):
        def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
            raise RuntimeError

    world.admission.reserve(1)
    world.publisher.publish(0, Record(b"P-1", b"x", []), Failing())
    outcome = world.publish()
    await until(lambda: bool(outcome.told))
    assert outcome.told == ["published at 0/1"]
