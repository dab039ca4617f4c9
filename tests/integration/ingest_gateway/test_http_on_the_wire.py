"""What the patients' port does with bytes: pipelined, chunked, slow, broken, half-closed, upgraded."""

import asyncio

import pytest

from tests.gateways import FakeKafka, RunningGateway, bearer, report, request, running_gateway, until

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


async def test_a_body_announced_too_large_is_refused_unread(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(b"", content_length=str(60 * 1024 * 1024)))
    assert (await wire.answer()).error == "Content too large"
    assert await wire.closed()


async def test_a_refusal_arrives_also_while_the_client_is_still_sending(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(bytes(500_000)))
    assert (await wire.answer()).status == 413


async def test_a_chunked_body_is_counted_while_it_is_read(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(b"", without=["Content-Length"], transfer_encoding="chunked"))
    for _ in range(5):
        await wire.send(b"4000\r\n" + bytes(0x4000) + b"\r\n")
    assert (await wire.answer()).status == 413
    assert await wire.closed()
    assert gateway.gateway.admission.reports == 0


async def test_chunks_that_are_mostly_overhead_are_refused(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(b"", without=["Content-Length"], transfer_encoding="chunked"))
    wire.writer.write(b"1;" + b"x" * 2_000_000)
    assert (await wire.answer()).status == 413


async def test_bodies_of_other_routes_are_limited_too(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(b"", path="/nowhere", content_length="65537"))
    assert (await wire.answer()).status == 413
    assert await wire.closed()


@pytest.mark.parametrize(
    "oversized",
    [
        request(report(), x_long="x" * 17_000),
        request(report(), path="/api/v1/reports?" + "x" * 17_000),
        request(report(), **{f"x_{n}": "y" for n in range(70)}),
        request(report(), **{f"x_{n}": "y" for n in range(20_000)}),
        request(report(), authorization="Bearer " + "e" * 64 * 1024),
        b"GET /" + b"x" * 2_000_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 2_000_000,
    ],
    ids=["a field", "the URL", "70 fields", "20,000 fields", "64 KB token", "endless URL", "endless field"],
)
async def test_headers_that_are_too_large_are_refused_and_closed(
    gateway: RunningGateway, oversized: bytes
) -> None:
    wire = await gateway.connect()
    wire.writer.write(oversized)
    answer = await wire.answer()
    assert answer.status == 431
    assert answer.headers["connection"] == "close"


async def test_64_fields_of_16_kib_in_all_are_read(gateway: RunningGateway) -> None:
    fields = {f"x_{n}": "y" * 200 for n in range(60)}
    assert (await gateway.ask(request(report(), **fields))).status == 202


async def test_many_small_requests_at_once_are_not_a_large_header(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(report()) * 60)
    assert {(await wire.answer()).status for _ in range(60)} == {202}


async def test_a_header_that_comes_too_slowly_is_refused_and_closed(impatient: RunningGateway) -> None:
    wire = await impatient.connect()
    await wire.send(request(report())[:50])
    answer = await wire.answer()
    assert answer.error == "Request timeout"
    assert await wire.closed()


async def test_a_trickle_does_not_extend_the_deadline(impatient: RunningGateway) -> None:
    wire = await impatient.connect()
    await wire.send(b"GET / HTTP/1.1\r\n")

    async def trickle() -> None:
        while True:
            await wire.send(b"X: y\r\n")
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    assert (await wire.answer()).status == 408
    trickling.cancel()
    await asyncio.wait([trickling])


async def test_a_body_that_comes_too_slowly_is_refused_and_closed(impatient: RunningGateway) -> None:
    wire = await impatient.connect()
    await wire.send(request(report())[:-5])
    assert (await wire.answer()).status == 408
    assert await wire.closed()
    assert impatient.gateway.admission.reports == 0


async def test_an_idle_connection_is_closed_without_a_word(impatient: RunningGateway) -> None:
    wire = await impatient.connect()
    await wire.send(request(report()))
    assert (await wire.answer()).status == 202
    assert await wire.closed()


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


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_told_which_one_is_allowed(gateway: RunningGateway, method: str) -> None:
    answer = await gateway.ask(request(method=method, path="/api/v1/reports"))
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.error == "Method not allowed"


async def test_head_is_answered_without_a_body(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(method="HEAD", path="/api/v1/reports") + NOWHERE)
    assert (await wire.answer(head=True)).status == 405
    assert (await wire.answer()).status == 404


@pytest.mark.parametrize(
    "path", ["/api/v1/reports?a=b", "/api/v1/%72eports", "http://gateway/api/v1/reports"]
)
async def test_an_unusual_spelling_of_the_address_is_the_same_address(
    gateway: RunningGateway, path: str
) -> None:
    assert (await gateway.ask(request(report(), path=path))).status == 202


async def test_an_address_with_a_slash_too_many_is_not_redirected(gateway: RunningGateway) -> None:
    answer = await gateway.ask(request(report(), path="/api/v1/reports/"))
    assert (answer.status, answer.error) == (404, "Not found")
    assert "location" not in answer.headers


async def test_a_token_in_the_url_is_no_token(gateway: RunningGateway) -> None:
    token = bearer().partition(" ")[2]
    answer = await gateway.ask(
        request(report(), path=f"/api/v1/reports?access_token={token}", without=["Authorization"])
    )
    assert answer.error == "Authorization header is missing"


async def test_only_allowed_hosts_are_answered(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, allowed_hosts="epro.example.org, [::1]") as gateway:
        for host, status in [
            ("epro.example.org", 202),
            ("EPRO.example.org:443", 202),
            ("[::1]:8080", 202),
            ("evil.example.org", 400),
            ("epro.example.org.evil", 400),
            ("", 400),
        ]:
            assert (await gateway.ask(request(report(), host=host))).status == status, host


def with_origin(data: bytes, origin: str) -> bytes:
    return data.replace(b"Host:", f"Origin: {origin}\r\nHost:".encode(), 1)


async def test_one_origin_may_call_from_a_browser(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, cors_origin="http://127.0.0.1:8081") as gateway:
        preflight = request(method="OPTIONS", path="/api/v1/reports", access_control_request_method="POST")
        ours = await gateway.ask(with_origin(preflight, "http://127.0.0.1:8081"))
        assert ours.status == 204
        assert ours.headers["access-control-allow-origin"] == "http://127.0.0.1:8081"
        theirs = await gateway.ask(with_origin(preflight, "http://evil.example"))
        assert theirs.status == 405
        for answer, origin in [
            (await gateway.ask(request(report(), origin="http://127.0.0.1:8081")), True),
            (await gateway.ask(request(b"{", origin="http://127.0.0.1:8081")), True),
            (await gateway.ask(request(b"", origin="http://127.0.0.1:8081", authorization="x")), True),
            (await gateway.ask(request(report(), origin="http://evil.example")), False),
            (theirs, False),
        ]:
            assert ("access-control-allow-origin" in answer.headers) is origin
