"""How large and how slow a request may be."""

import asyncio

import pytest

from tests.gateways import RunningGateway, report, request

NOWHERE = request(method="GET", path="/nowhere")


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
