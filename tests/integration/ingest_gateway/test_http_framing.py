"""How the patients' port reads a request: byte by byte, chunked, broken, upgraded, expecting."""

import asyncio

import pytest

from tests.gateways import FakeKafka, RunningGateway, bearer, report, request

NOWHERE = request(method="GET", path="/nowhere")


async def test_a_chunked_body_is_read_one_byte_at_a_time(gateway: RunningGateway, kafka: FakeKafka) -> None:
    body = report()
    wire = await gateway.connect()
    await wire.send(request(body, without=["Content-Length"], transfer_encoding="chunked")[: -len(body)])
    for byte in body:
        await wire.send(b"1\r\n%c\r\n" % byte)
    await wire.send(b"0\r\n\r\n")
    assert (await wire.answer()).status == 202
    assert kafka.values() == [body]
    assert gateway.gateway.admission.bytes == 0


async def test_every_byte_of_a_request_may_come_alone(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    for byte in request(report()):
        await wire.send(bytes([byte]))
    assert (await wire.answer()).status == 202


async def test_trailers_change_nothing(gateway: RunningGateway) -> None:
    body = report()
    head = request(body, without=["Content-Length", "Authorization"], transfer_encoding="chunked")[
        : -len(body)
    ]
    trailer = f"Authorization: {bearer()}\r\n".encode()
    answer = await gateway.ask(head + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer))
    assert answer.error == "Authorization header is missing"


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, gzip", "identity"])
async def test_a_transfer_coding_other_than_chunked_is_refused(gateway: RunningGateway, coding: str) -> None:
    wire = await gateway.connect()
    await wire.send(request(b"0\r\n\r\n", without=["Content-Length"], transfer_encoding=coding))
    assert (await wire.answer()).status == 400
    assert await wire.closed()


@pytest.mark.parametrize(
    "broken",
    [
        request(report(), transfer_encoding="chunked"),
        request(report()).replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n", 1),
        request(b"zz\r\n", without=["Content-Length"], transfer_encoding="chunked"),
        request(report()).replace(b"Host: gateway\r\n", b""),
        request(report()).replace(b"Host:", b"Host: elsewhere\r\nHost:"),
        request(report()).replace(b"HTTP/1.1", b"HTTP/7.1"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/v1/reports\r\n\r\n",
        request(report()).replace(b"Host: ", b"Host : "),
        request(report()).replace(b"\r\n", b"\n"),
        request(report(), content_length="-1"),
        request(report(), content_length="+3"),
        request(report(), content_length="99999999999999999999999"),
    ],
    ids=[
        "length and chunks", "two lengths", "bad chunk", "no host", "two hosts", "version", "TLS", "HTTP/2",
        "no version", "space before colon", "bare LF", "negative", "signed", "overflow",
    ],
)  # fmt: skip
async def test_broken_http_is_refused_and_closed(gateway: RunningGateway, broken: bytes) -> None:
    wire = await gateway.connect()
    await wire.send(broken)
    answer = await wire.answer()
    assert answer.status == 400
    assert answer.error == "Malformed request"
    assert answer.headers["connection"] == "close"
    assert await wire.closed()


async def test_broken_http_after_a_report_does_not_cost_its_answer(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    wire = await gateway.connect()
    await wire.send(request(report()) + b"\0\0\0\r\n\r\n")
    await asyncio.sleep(0.05)
    kafka.speak()
    assert [(await wire.answer()).status for _ in range(2)] == [202, 400]
    assert await wire.closed()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_an_upgrade_on_anything_but_get_is_refused_and_closed(
    gateway: RunningGateway, kafka: FakeKafka, method: str
) -> None:
    wire = await gateway.connect()
    await wire.send(request(report(), method=method, connection="Upgrade", upgrade="websocket"))
    assert (await wire.answer()).status == 400
    assert await wire.closed()
    assert kafka.values() == []


async def test_a_get_that_asks_for_an_upgrade_is_answered_without_one_and_closed(
    gateway: RunningGateway,
) -> None:
    wire = await gateway.connect()
    upgrade = request(method="GET", path="/nowhere", connection="Upgrade", upgrade="websocket")
    await wire.send(upgrade + request(report()))
    assert (await wire.answer()).status == 404
    assert await wire.closed()


async def test_connect_is_refused(gateway: RunningGateway) -> None:
    assert (await gateway.ask(request(method="CONNECT", path="elsewhere:443"))).status == 400


async def test_continue_is_sent_once_the_header_has_passed(gateway: RunningGateway) -> None:
    body = report()
    wire = await gateway.connect()
    await wire.send(request(body, expect="100-Continue")[: -len(body)])
    assert (await wire.answer()).status == 100
    await wire.send(body)
    assert (await wire.answer()).status == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer nonsense"}, 401),
        ({"content_type": "text/plain"}, 415),
        ({"content_length": "65537"}, 413),
    ],
)
async def test_a_refused_client_is_never_asked_for_its_body(
    gateway: RunningGateway, headers: dict[str, str], status: int
) -> None:
    body = report()
    wire = await gateway.connect()
    await wire.send(request(body, expect="100-continue", **headers)[: -len(body)])
    assert (await wire.answer()).status == status
    assert await wire.closed()


async def test_continue_waits_for_the_answers_before_it(gateway: RunningGateway, kafka: FakeKafka) -> None:
    kafka.silent = True
    body = report()
    wire = await gateway.connect()
    await wire.send(request(report()) + request(body, expect="100-continue")[: -len(body)])
    await asyncio.sleep(0.05)
    kafka.speak()
    assert [(await wire.answer()).status for _ in range(2)] == [202, 100]
    await wire.send(body)
    assert (await wire.answer()).status == 202


async def test_another_expectation_cannot_be_met(gateway: RunningGateway) -> None:
    assert (await gateway.ask(request(report(), expect="miracles"))).status == 417


async def test_http_1_0_is_never_sent_a_continue(gateway: RunningGateway) -> None:
    answer = await gateway.ask(request(report(), version="1.0", expect="100-continue"))
    assert answer.status == 202
