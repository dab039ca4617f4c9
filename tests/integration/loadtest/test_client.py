"""The client against a server that misbehaves: whatever happens, the account is right."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from loadtest.account import Outcome
from loadtest.burst import Plan, Sent, send_burst
from loadtest.client import Patience
from loadtest.wire import Target
from tests.integration.loadtest.conftest import assignments

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IMPATIENT = Patience(timeout=0.3)
RETRYING = Patience(retry=True, timeout=60.0, give_up=120.0, first_pause=0.02, longest_pause=0.1)

Seen = list[tuple[dict[str, str], bytes]]
Behaviour = Callable[[bytes, int, asyncio.StreamWriter], Awaitable[bool]]
"""Given a body, how often these bytes were seen, and where to write: whether the connection stays open."""


def response(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d x" % status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def acceptance(body: bytes) -> bytes:
    receipt = {"partition": 0, "offset": 0, "sha256": hashlib.sha256(body).hexdigest(), "receivedAt": ""}
    report_id = json.loads(body)["reportId"]
    return json.dumps({"reportId": report_id, "status": "accepted", "receipt": receipt}).encode()


async def accept(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
    writer.write(response(202, acceptance(body)))
    return True


@asynccontextmanager
async def server(behaviour: Behaviour) -> AsyncIterator[tuple[Target, Seen]]:
    """A server that keeps what it was sent and then behaves as told."""
    seen: Seen = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            serving.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                seen.append((headers, body))
                times = sum(other == body for _, other in seen)
                if not await behaviour(body, times, writer) or headers.get("connection") == "close":
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield Target(host, port), seen
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def burst(target: Target, plan: Plan, reports: int = 20) -> Sent:
    def nobody_watches(done: int, total: int) -> None: ...

    return await send_burst(target, assignments(reports, NOW), plan, lambda: NOW, nobody_watches)


def outcomes(sent: Sent) -> dict[Outcome, int]:
    kinds = [one.outcome for one in sent.told]
    return {kind: kinds.count(kind) for kind in kinds}


async def test_each_patient_sends_its_own_report_once() -> None:
    async with server(accept) as (target, seen):
        sent = await burst(target, Plan(over=0.2, patience=RETRYING))
    assert (sent.sent, sent.accepted, sent.errors) == (20, 20, {})
    assert len({json.loads(body)["patientId"] for _, body in seen}) == 20
    assert len({json.loads(body)["reportId"] for _, body in seen}) == 20
    assert sent.latency is not None


async def test_a_kept_connection_is_used_again() -> None:
    ports = set()

    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        ports.add(writer.get_extra_info("peername"))
        return await accept(body, times, writer)

    async with server(behaviour) as (target, _):
        assert (await burst(target, Plan(over=0.2, pool=2))).accepted == 20
        assert len(ports) <= 2
        ports.clear()
        assert (await burst(target, Plan(over=0.2, connections="one-each"))).accepted == 20
        assert len(ports) == 20


async def test_a_slow_server_does_not_slow_down_the_arrivals() -> None:
    """The open loop: nobody has been answered yet when the last report goes out."""
    everybody_here = asyncio.Event()

    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        if len(seen) == 20:
            everybody_here.set()
        await everybody_here.wait()
        return await accept(body, times, writer)

    async with server(behaviour) as (target, seen):
        assert (await burst(target, Plan(over=0.1, patience=Patience(timeout=60.0)))).accepted == 20


async def test_overload_is_retried_with_the_same_bytes_not_before_the_server_asked() -> None:
    arrivals: dict[bytes, list[float]] = {}

    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        arrivals.setdefault(body, []).append(asyncio.get_running_loop().time())
        if times == 1:
            writer.write(response(503, b"", b"retry-after: 1"))
            return True
        return await accept(body, times, writer)

    async with server(behaviour) as (target, seen):
        sent = await burst(target, Plan(over=0.1, patience=RETRYING))
    assert (sent.sent, sent.accepted, sent.errors) == (20, 20, {"503": 20})
    assert len(seen) == 40
    assert len(arrivals) == 20
    assert all(second - first >= 1.0 for first, second in arrivals.values())


async def test_without_retrying_an_overload_leaves_the_outcome_unknown() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(response(503, b"", b"retry-after: 1"))
        return True

    async with server(behaviour) as (target, _):
        sent = await burst(target, Plan(over=0.1))
    assert outcomes(sent) == {"unknown": 20}
    assert (sent.sent, sent.errors) == (20, {"503": 20})


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 20", response(202, b"half a receipt")[:-3], b"\x00\x01"])
async def test_a_connection_cut_before_the_end_of_the_answer_leaves_the_outcome_unknown(piece: bytes) -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(piece)
        return False

    async with server(behaviour) as (target, _):
        sent = await burst(target, Plan(over=0.1))
    assert outcomes(sent) == {"unknown": 20}
    assert (sent.sent, sent.errors) == (20, {"cut off": 20})


async def test_a_cut_connection_is_retried() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        return times > 2 and await accept(body, times, writer)

    async with server(behaviour) as (target, seen):
        sent = await burst(target, Plan(over=0.1, patience=RETRYING, pool=3))
    assert (sent.accepted, sent.errors, len(seen)) == (20, {"cut off": 40}, 60)


@pytest.mark.parametrize("pool", [3, 64])
async def test_a_server_that_never_answers_is_left_in_time(pool: int) -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    async with server(behaviour) as (target, _):
        sent = await burst(target, Plan(over=0.1, patience=IMPATIENT, pool=pool), reports=9)
    assert outcomes(sent) == {"unknown": 9}
    assert sent.errors == {"timed out": 9}


async def test_retries_end_when_the_time_is_up() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(response(503))
        return True

    patience = Patience(retry=True, give_up=3.0, first_pause=0.1, longest_pause=0.1)
    async with server(behaviour) as (target, seen):
        sent = await burst(target, Plan(over=0.1, patience=patience), reports=3)
    assert outcomes(sent) == {"unknown": 3}
    assert 6 < len(seen) < 200


async def test_a_refusal_is_final() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(response(403))
        return True

    async with server(behaviour) as (target, seen):
        sent = await burst(target, Plan(over=0.1, patience=RETRYING))
    assert outcomes(sent) == {"refused": 20}
    assert (len(seen), sent.errors) == (20, {"403": 20})


async def test_a_refusal_after_a_lost_answer_does_not_hide_that_the_report_may_have_landed() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(response(401))
        return times > 1

    async def first_cut(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        return times > 1 and await behaviour(body, times, writer)

    async with server(first_cut) as (target, _):
        sent = await burst(target, Plan(over=0.1, patience=RETRYING), reports=5)
    assert outcomes(sent) == {"unknown": 5}


async def test_a_patient_who_sends_too_much_comes_back_later() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        if times == 1:
            writer.write(response(429, b"", b"retry-after: 0"))
            return True
        return await accept(body, times, writer)

    async with server(behaviour) as (target, _):
        sent = await burst(target, Plan(over=0.1, patience=RETRYING))
    assert (sent.accepted, sent.errors) == (20, {"429": 20})


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with server(accept) as (target, _):
        pass
    sent = await burst(target, Plan(over=0.1, pool=4))
    assert outcomes(sent) == {"unsent": 20}
    assert (sent.sent, sent.errors) == (0, {"connect failed": 20})


async def test_a_server_that_comes_up_late_gets_everything_from_retrying_clients() -> None:
    async with server(accept) as (target, _):
        pass
    sending = asyncio.create_task(burst(target, Plan(over=0.1, patience=RETRYING)))
    await asyncio.sleep(0.3)
    listening = await asyncio.start_server(_accept_all, target.host, target.port)
    sent = await sending
    listening.close()
    assert sent.accepted == 20
    assert set(sent.errors) == {"connect failed"}


async def _accept_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await accept(await reader.readexactly(int(length)), 1, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def test_a_202_with_another_reports_receipt_is_an_error_and_no_acceptance() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(response(202, acceptance(body.replace(b'"V-0042"', b'"V-0043"'))))
        return True

    async with server(behaviour) as (target, _):
        sent = await burst(target, Plan(over=0.1))
    assert outcomes(sent) == {"unknown": 20}
    assert sent.errors == {"202 with a wrong receipt": 20}


async def test_an_interrupted_burst_tells_what_it_knows() -> None:
    async def behaviour(body: bytes, times: int, writer: asyncio.StreamWriter) -> bool:
        if len(seen) == 8:
            enough.set()
        if len(seen) > 5:
            await asyncio.Event().wait()
        return await accept(body, times, writer)

    enough = asyncio.Event()
    async with server(behaviour) as (target, seen):
        sending = asyncio.create_task(burst(target, Plan(over=600.0, patience=RETRYING), reports=20_000))
        await enough.wait()
        sending.cancel()
        sent = await sending
    assert sent.interrupted
    assert sent.accepted == 5
    assert outcomes(sent)["unknown"] == sent.sent - 5
    assert outcomes(sent)["unsent"] == 20_000 - sent.sent
