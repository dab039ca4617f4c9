"""A real Kafka that falls silent, hangs up or goes away while reports are on their way to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiokafka.client
import pytest

from ingest_gateway.contracts.topics import TopicSpec
from ingest_gateway.producer import KafkaProducer, Record
from tests.conftest import Services
from tests.gateways import RunningGateway, report, request, running_gateway
from tests.integration.ingest_gateway.log import everything_in
from tests.waiting import patiently, until


class Proxy:
    """Stands between the gateway and Kafka; can cut every connection, or let nothing through."""

    def __init__(self, kafka: str) -> None:
        self._host, _, port = kafka.rpartition(":")
        self._port = int(port)
        self._writers: list[asyncio.StreamWriter] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def freeze(self) -> None:
        """Let nothing through."""
        self._flowing.clear()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def thaw(self) -> None:
        """Let it through again, with what was held back."""
        self._flowing.set()

    def cut(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        self._writers += [writer, up_writer]
        for source, sink in ((reader, up_writer), (up_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


@pytest.fixture
async def proxy(services: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """Between us and every broker, whatever address it advertises."""
    proxy = Proxy(services.kafka)
    server = await proxy.serve()
    connect = aiokafka.client.create_conn

    async def through_proxy(host: str, port: int, **options: object) -> object:
        return await connect("127.0.0.1", proxy.port, **options)

    monkeypatch.setattr(aiokafka.client, "create_conn", through_proxy)
    yield proxy
    server.close()
    await proxy.close()


@pytest.fixture
async def gateway(services: Services, topic: TopicSpec, proxy: Proxy) -> AsyncIterator[RunningGateway]:
    """A gateway that reaches Kafka through the proxy and waits three seconds for it."""

    async def open_producer() -> KafkaProducer:
        return await KafkaProducer.open(services.kafka, topic.name)

    async with running_gateway(open_producer, ack_timeout=3) as running:
        yield running
        proxy.thaw()


async def test_a_silent_kafka_makes_outcomes_unknown_and_admits_no_more_until_it_speaks(
    gateway: RunningGateway,
    services: Services,
    topic: TopicSpec,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, third = report(), report(), report()
    assert (await gateway.ask(request(first))).status == 202
    proxy.freeze()
    assert (await gateway.ask(request(second))).error == "Outcome unknown"
    await until(lambda: gateway.gateway.not_ready_because() is not None)
    with monkeypatch.context() as nothing_is_queued:
        nothing_is_queued.delattr(type(gateway.gateway.publisher), "publish")
        assert (await gateway.ask(request(third))).error == "Service unavailable"
    assert gateway.gateway.admission.reports == 1
    proxy.thaw()
    await gateway.until_ready()
    assert (await gateway.ask(request(second))).status == 202
    assert gateway.gateway.admission.reports == 0
    values = await everything_in(services.kafka, topic)
    assert values[0] == first
    assert values.count(second) == 2
    assert third not in values


async def test_connections_that_break_under_load_lose_and_double_nothing(
    gateway: RunningGateway, services: Services, topic: TopicSpec, proxy: Proxy
) -> None:
    accepted: list[bytes] = []
    stop = asyncio.Event()

    async def client() -> None:
        wire = await gateway.connect()
        while not stop.is_set():
            body = report()
            await wire.send(request(body))
            answer = await wire.answer()
            if answer.status == 202:
                accepted.append(body)

    clients = [asyncio.create_task(client()) for _ in range(10)]
    for _ in range(5):
        await asyncio.sleep(0.3)
        proxy.cut()
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*clients)
    await until(lambda: gateway.gateway.admission.reports == 0)
    values = await everything_in(services.kafka, topic)
    assert set(accepted) <= set(values)
    assert len(values) == len(set(values))
    assert gateway.gateway.metrics.producer_rebuilds == 0


async def test_a_producer_closes_in_time_although_kafka_is_silent(
    services: Services, topic: TopicSpec, proxy: Proxy
) -> None:
    producer = await KafkaProducer.open(services.kafka, topic.name)
    acks = [await producer.send(0, [Record(b"P-1", b"before", [])])]
    await acks[0]
    proxy.freeze()
    acks = [await producer.send(partition, [Record(b"P-1", b"after", [])]) for partition in range(3)]
    async with patiently():
        await producer.close(0.2)
        results = await asyncio.gather(*acks, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    proxy.thaw()


async def test_a_producer_that_cannot_start_is_closed_again(services: Services, topic: TopicSpec) -> None:
    with pytest.raises(Exception, match=r".+"), contextlib.suppress(TimeoutError):
        async with patiently():
            await KafkaProducer.open("127.0.0.1:9", topic.name)
