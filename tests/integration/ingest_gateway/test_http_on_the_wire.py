"""What the patients' port does with connections: pipelined, half-closed, hung up, not read, idle."""

import asyncio

import pytest

from tests.gateways import FakeKafka, RunningGateway, bearer, report, request, running_gateway
from tests.waiting import until

DOCS = request(method="GET", path="/docs")
NOWHERE = request(method="GET", path="/nowhere")


async def test_a_report_is_answered_with_its_receipt(gateway: RunningGateway, kafka: FakeKafka) -> None:
    body = report()
    answer = await gateway.ask(request(body))
    assert answer.status == 202
    assert answer.json["status"] == "accepted"
    assert kafka.values() == [body]
    assert "server" not in answer.headers


async def test_pipelined_requests_are_answered_in_order_whoever_answers_them(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    wire = await gateway.connect()
    for _ in range(20):
        await wire.send(request(report()) + NOWHERE + request(b"{}"))
    await asyncio.sleep(0.1)
    kafka.speak()
    assert [(await wire.answer()).status for _ in range(60)] == [202, 404, 422] * 20


async def test_a_hot_request_after_an_application_request_waits_its_turn(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(
        DOCS + request(report()) + NOWHERE + request(report()) + request(method="GET", path="/docs")
    )
    assert [(await wire.answer()).status for _ in range(5)] == [200, 202, 404, 202, 200]


async def test_reading_pauses_while_answers_are_outstanding(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    wire = await gateway.connect()
    for _ in range(100):
        wire.writer.write(request(report()))
        await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    [connection] = gateway.server._connections()
    assert len(connection.exchanges) < 100
    assert connection.flow.held
    kafka.speak()
    assert {(await wire.answer()).status for _ in range(100)} == {202}


async def test_a_client_that_closes_its_side_still_gets_its_answers(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    wire = await gateway.connect()
    await wire.send(request(report()) + NOWHERE)
    wire.writer.write_eof()
    await asyncio.sleep(0.1)
    kafka.speak()
    assert [(await wire.answer()).status for _ in range(2)] == [202, 404]
    assert await wire.closed()


async def test_a_client_that_closes_its_side_within_a_request_is_told_so(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(report())[:-10])
    wire.writer.write_eof()
    assert (await wire.answer()).status == 400
    assert await wire.closed()
    assert gateway.gateway.admission.reports == 0


async def test_a_client_that_hangs_up_does_not_cancel_its_report(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    body = report()
    wire = await gateway.connect()
    await wire.send(request(body))
    await until(lambda: bool(kafka.pending))
    wire.writer.transport.abort()
    await asyncio.sleep(0.05)
    kafka.speak()
    assert kafka.values() == [body]
    await asyncio.sleep(0.05)
    assert gateway.gateway.admission.reports == 0


async def test_a_client_that_hangs_up_within_its_body_frees_what_was_reserved(
    gateway: RunningGateway,
) -> None:
    wire = await gateway.connect()
    await wire.send(request(report())[:-10])
    await until(lambda: gateway.gateway.admission.reports == 1)
    wire.writer.transport.abort()
    await until(lambda: gateway.gateway.admission.reports == 0)
    assert gateway.gateway.admission.bytes == 0


async def test_one_senders_unfinished_bodies_keep_nobody_else_out(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, max_in_flight_bytes=5 * 1024 * 1024) as gateway:
        begun = request(b"x" * 1024 * 1024, path="/api/v1/reports:batch")[: -1024 * 1024 + 1]
        wires = [await gateway.connect() for _ in range(10)]
        for wire in wires:
            await wire.send(begun)
        for wire in wires[4:]:
            assert (await wire.answer()).status == 429
        other = await gateway.ask(request(report("P-000002"), authorization=bearer("P-000002")))
        assert other.status == 202
        assert (await gateway.ask(request(report()))).status == 202

        for wire in wires[:4]:
            wire.writer.transport.abort()
        await until(lambda: gateway.gateway.admission.bytes == 0)
        assert len(gateway.gateway.unfinished) == 0


async def test_http_1_0_needs_no_host_and_is_closed_after_its_answer(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(report(), version="1.0", without=["Host"], connection="keep-alive"))
    answer = await wire.answer()
    assert answer.status == 202
    assert answer.headers["connection"] == "close"
    assert await wire.closed()


async def test_connection_close_is_honoured_and_nothing_after_it_read(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    wire = await gateway.connect()
    await wire.send(request(report(), connection="close") + request(report()))
    answer = await wire.answer()
    assert answer.status == 202
    assert answer.headers["connection"] == "close"
    assert await wire.closed()
    assert len(kafka.values()) == 1


async def test_a_client_that_reads_no_answers_is_not_read_either(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    flood = request(method="GET", path="/openapi.json") * 200

    async def send_for_ever() -> None:
        while True:
            await wire.send(flood)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send_for_ever(), 1)
    [connection] = gateway.server._connections()
    assert connection.transport.get_write_buffer_size() < 2_000_000
    wire.writer.transport.abort()


async def test_a_thousand_idle_connections_leave_others_served(gateway: RunningGateway) -> None:
    idle = [await gateway.connect() for _ in range(1000)]
    assert (await gateway.ask(request(report()))).status == 202
    assert not any(wire.reader.at_eof() for wire in idle)
