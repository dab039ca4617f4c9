"""When the gateway takes no more: one sender's share, what is in flight, no Kafka, stopping."""

import asyncio

from tests.gateways import FakeKafka, RunningGateway, bearer, report, request, running_gateway
from tests.waiting import until


async def test_one_patient_is_slowed_down_and_the_others_are_not(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, patient_burst=5, patient_per_minute=1) as gateway:
        statuses = [(await gateway.ask(request(report()))).status for _ in range(6)]
        assert statuses == [202] * 5 + [429]
        refused = await gateway.ask(request(report()))
        assert int(refused.headers["retry-after"]) > 30
        other = request(report("P-000002"), authorization=bearer("P-000002"))
        assert (await gateway.ask(other)).status == 202
        staff = request(report(onBehalfReason="x"), authorization=bearer("dr.chen", "doctor"))
        assert (await gateway.ask(staff)).status == 202


async def test_a_member_of_staff_is_slowed_down_whomever_the_reports_are_for(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, staff_burst=5, staff_per_minute=1) as gateway:

        async def send(number: int, user: str) -> int:
            body = report(f"P-{number:06d}", onBehalfReason="x")
            return (await gateway.ask(request(body, authorization=bearer(user, "doctor")))).status

        assert [await send(number, "dr.chen") for number in range(6)] == [202] * 5 + [429]
        assert await send(1, "dr.mueller") == 202


async def test_too_much_in_flight_is_refused_at_once_and_again_welcome_later(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, max_in_flight_reports=2) as gateway:
        kafka.silent = True
        wires = [await gateway.connect() for _ in range(2)]
        for wire in wires:
            await wire.send(request(report()))
        await until(lambda: gateway.gateway.admission.reports == 2)
        refused = await gateway.ask(request(report()))
        assert refused.status == 503
        assert 2 <= int(refused.headers["retry-after"]) <= 10
        kafka.speak()
        assert [(await wire.answer()).status for wire in wires] == [202, 202]
        assert (await gateway.ask(request(report()))).status == 202


async def test_bytes_in_flight_are_limited_too(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, max_in_flight_bytes=1000) as gateway:
        wire = await gateway.connect()
        await wire.send(request(b"", content_length="1000"))
        await until(lambda: gateway.gateway.admission.bytes == 1000)
        assert (await gateway.ask(request(report()))).status == 503


async def test_without_an_ack_the_outcome_is_unknown(impatient: RunningGateway, kafka: FakeKafka) -> None:
    kafka.silent = True
    answer = await impatient.ask(request(report()))
    assert answer.status == 503
    assert answer.error == "Outcome unknown"
    assert "retry-after" in answer.headers
    assert (await impatient.ask(request(report()))).error == "Service unavailable"
    kafka.speak()
    await until(lambda: impatient.gateway.not_ready_because() is None)
    assert (await impatient.ask(request(report()))).status == 202


async def test_without_kafka_reports_are_refused_at_once() -> None:
    kafka = FakeKafka()
    kafka.reachable = False
    async with running_gateway(kafka.open, ready=False) as gateway:
        answer = await gateway.ask(request(report()))
        assert answer.status == 503
        assert gateway.gateway.not_ready_because() is not None
        kafka.reachable = True
        await gateway.until_ready()
        assert (await gateway.ask(request(report()))).status == 202


async def test_stopping_answers_what_is_in_flight(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open) as gateway:
        kafka.silent = True
        wires = [await gateway.connect() for _ in range(20)]
        for wire in wires:
            await wire.send(request(report()) * 3)
        await until(lambda: gateway.gateway.admission.reports == 60)
        gateway.stop.set()
        await asyncio.sleep(0.3)
        kafka.speak()
        for wire in wires:
            answers = [await wire.answer() for _ in range(3)]
            assert [answer.status for answer in answers] == [202] * 3
            assert answers[-1].headers["connection"] == "close"
            assert await wire.closed()
        assert len(kafka.values()) == 60


async def test_stopping_lets_a_half_sent_report_finish(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open) as gateway:
        data = request(report())
        wire, idle = await gateway.connect(), await gateway.connect()
        await wire.send(data[:-20])
        await until(lambda: gateway.gateway.admission.reports == 1)
        gateway.stop.set()
        assert await idle.closed()
        await wire.send(data[-20:])
        assert (await wire.answer()).status == 202
        assert await wire.closed()
