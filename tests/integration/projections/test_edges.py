"""What surrounds every request: bodies, headers, hosts, origins, broken HTTP, a database that is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from msgspec.structs import replace

from ingest_gateway.process.admin import QuietServer
from projections.read_api import connection
from projections.read_api.app import build_app
from projections.read_api.connection import ApiProtocol
from projections.read_api.database import open_database
from tests.integration.projections.conftest import PASSWORD, World
from tests.waiting import patiently

JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"username": "dr.chen", "password": PASSWORD}).encode()
ORIGIN = "https://dashboard.example.org"

BODIES: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b'{"username":"a","password":NaN}', 400),
    (b'{"username":"a","password":-Infinity}', 400),
    (b'{"username":"\\ud800","password":"b"}', 400),
    (b'{"username":"a\xff","password":"b"}', 400),
    (b"\xef\xbb\xbf" + GOOD, 400),
    (GOOD.decode().encode("utf-16"), 400),
    (b"[" * 5000, 400),
    (b"[]", 422),
    (b"null", 422),
    (b'{"username":"a"}', 422),
    (b'{"username":"a","password":1}', 422),
    (b'{"username":"a","password":null}', 422),
    (b'{"username":"a","password":["b"]}', 422),
    (b'{"username":"a","password":1e400}', 422),
    (b'{"username":"a","password":' + b"9" * 5000 + b"}", 422),
    (b'{"username":"a","password":"b","admin":true}', 422),
    (b'{"username":"a\\u0000","password":"b"}', 422),
    (b'{"username":"","password":"b"}', 422),
    (b'{"username":"' + b"a" * 300 + b'","password":"b"}', 422),
    (b'{"username":"' + b"a" * 9000 + b'","password":"b"}', 413),
]


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "error"} <= set(body)
    assert body["error"] == body["title"]
    for word in ("Traceback", "select ", "asyncpg", "pydantic"):
        assert word not in answer.text


async def test_a_bad_body_is_refused_without_repeating_it(world: World) -> None:
    for body, status in BODIES:
        answer = await world.client.post("/login", content=body, headers=JSON)
        assert_problem(answer, status)
        assert "admin" not in answer.text


async def test_only_plain_json_is_read(world: World) -> None:
    for headers in (
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        JSON | {"Content-Encoding": "gzip"},
        JSON | {"Content-Encoding": "identity"},
    ):
        assert_problem(await world.client.post("/login", content=GOOD, headers=headers), 415)


async def test_a_body_is_not_read_before_the_token_was_checked(world: World) -> None:
    assert_problem(await world.client.post("/api/v1/password", content=b"{", headers=JSON), 401)


async def test_a_declared_60_megabytes_are_refused_unread(world: World) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("the body was read")

    headers = JSON | {"Content-Length": str(60 * 1024 * 1024)}
    assert_problem(await world.client.post("/login", content=never(), headers=headers), 413)


async def test_unknown_paths_and_wrong_methods_are_problems_too(world: World) -> None:
    for path in ("/nothing", "/api/v1/profile/", "/api/v1/trial/patients//visits"):
        assert_problem(await world.client.get(path), 404)
    answer = await world.client.get("/logout")
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "POST"
    answer = await world.client.delete("/api/v1/profile")
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"


async def test_a_wrong_parameter_is_named_and_not_repeated(world: World) -> None:
    answer = await world.client.get("/api/v1/board?date=%3Cscript%3E", headers=world.doctor())
    assert_problem(answer, 422)
    assert "date" in answer.json()["detail"]
    assert "script" not in answer.text


async def test_answers_are_not_stored_sniffed_or_framed(world: World) -> None:
    for path in ("/api/v1/profile", "/nothing"):
        headers = (await world.client.get(path, headers=world.doctor())).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def behind(world: World, origin: str = "", hosts: frozenset[str] = frozenset()) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_app(world.services, origin, hosts))
    return httpx.AsyncClient(transport=transport, base_url="http://api.example.org:8081")


async def test_one_origin_may_call_and_others_get_no_header(world: World) -> None:
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with behind(world, ORIGIN) as client:
        allowed = await client.options("/api/v1/profile", headers=asks | {"Origin": ORIGIN})
        assert allowed.status_code == 204
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        answer = await client.get("/api/v1/profile", headers={"Origin": ORIGIN})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in answer.headers["Vary"]
        for foreign in ("https://evil.example.org", "null", ORIGIN + ".evil.org", ORIGIN.upper()):
            for answer in (
                await client.options("/api/v1/profile", headers=asks | {"Origin": foreign}),
                await client.get("/api/v1/profile", headers={"Origin": foreign}),
            ):
                assert not any(name.startswith("access-control") for name in answer.headers)
    answer = await world.client.get("/api/v1/profile", headers={"Origin": ORIGIN})
    assert not any(name.startswith("access-control") for name in answer.headers)


async def test_only_configured_hosts_are_answered(world: World) -> None:
    async with behind(world, hosts=frozenset({"api.example.org"})) as client:
        assert (await client.get("/api/v1/profile")).status_code == 401
        assert_problem(await client.get("/api/v1/profile", headers={"Host": "evil.org"}), 400)


async def test_too_many_or_too_large_headers_are_a_431(world: World) -> None:
    many = {f"X-{number}": "1" for number in range(70)}
    assert_problem(await world.client.get("/api/v1/profile", headers=many), 431)
    assert_problem(await world.client.get("/api/v1/profile", headers={"X-Large": "x" * 17_000}), 431)


async def test_without_postgres_the_answer_is_a_503_with_an_id(world: World) -> None:
    async with open_database("postgresql://eightbells_api@127.0.0.1:1/none", 2, 1000) as database:
        services = replace(world.services, database=database)
        assert "does not answer" in str(await database.why_not_ready())
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            for answer in (
                await client.get("/api/v1/profile", headers=world.doctor()),
                await client.post("/login", content=GOOD, headers=JSON),
            ):
                assert_problem(answer, 503)
                assert int(answer.headers["Retry-After"]) > 0
                assert len(answer.json()["id"]) == 16


async def test_an_error_of_ours_is_a_500_with_an_id_and_nothing_else(world: World) -> None:
    await world.owner.execute("drop table user_sites cascade")
    answer = await world.client.get("/api/v1/profile", headers=world.doctor())
    assert_problem(answer, 500)
    assert len(answer.json()["id"]) == 16


async def test_a_killed_database_session_costs_at_most_a_503(world: World) -> None:
    headers = world.doctor()
    assert (await world.client.get("/api/v1/profile", headers=headers)).status_code == 200
    await world.owner.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where usename = 'eightbells_api' and datname = current_database()"
    )
    await asyncio.sleep(0.1)
    assert (await world.client.get("/api/v1/profile", headers=headers)).status_code in (200, 503)
    assert (await world.client.get("/api/v1/profile", headers=headers)).status_code == 200


async def test_the_description_says_how_errors_look_and_what_bodies_hold(world: World) -> None:
    document = (await world.client.get("/openapi.json")).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    login = document["paths"]["/login"]["post"]
    schema = login["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"username", "password"}
    assert list(login["responses"]["422"]["content"]) == ["application/problem+json"]
    visits = document["paths"]["/api/v1/trial/patients/{patientId}/visits"]["get"]
    assert visits["security"]
    assert [one["name"] for one in visits["parameters"]] == ["patientId", "asOf", "include"]


async def test_the_description_is_a_document_and_no_page_with_a_third_partys_scripts(world: World) -> None:
    docs = await world.client.get("/docs")
    assert docs.headers["content-type"] == "application/json"
    assert docs.json() == (await world.client.get("/openapi.json")).json()
    assert (await world.client.get("/redoc")).status_code == 404


# Over a real connection ----------------------------------------------------------------------------------


@asynccontextmanager
async def served(world: World) -> AsyncIterator[int]:
    config = uvicorn.Config(
        build_app(world.services), port=0, http=ApiProtocol, ws="none", lifespan="off", log_config=None,
        server_header=False, h11_max_incomplete_event_size=16 * 1024,
    )  # fmt: skip
    server = QuietServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def exchange(port: int, *parts: bytes) -> bytes:
    """Everything the server answers until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
    try:
        async with patiently():
            return await reader.read()
    finally:
        writer.close()


HEAD = b"POST /login HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n"
BROKEN: list[tuple[bytes, bytes]] = [
    (b"nonsense\r\n\r\n", b"400"),
    (b"GET /api/v1/profile HTTP/1.1\r\n\r\n", b"400"),
    (b"GET /api/v1/profile HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", b"400"),
    (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000, b"431"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(20_000)), b"431"),
]


async def test_broken_http_is_a_problem_document_and_closed(world: World) -> None:
    async with served(world) as port:
        for request, status in BROKEN:
            answer = await exchange(port, request)
            assert answer.startswith(b"HTTP/1.1 " + status), (request[:80], answer)
            assert b"application/problem+json" in answer
            assert b"connection: close" in answer.lower()


async def test_headers_and_bodies_that_never_end_are_a_408(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADERS_S", 0.2)
    monkeypatch.setattr("projections.read_api.bodies._BODY_S", 0.2)
    async with served(world) as port:
        for request in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n", HEAD + b"Content-Length: 9\r\n\r\n{"):
            answer = await exchange(port, request)
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert b"application/problem+json" in answer


async def test_a_chunked_body_is_counted_while_it_is_read(world: World) -> None:
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    async with served(world) as port:
        answer = await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413")


async def test_requests_on_one_connection_are_answered_in_order(world: World) -> None:
    first = b"GET /api/v1/profile HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with served(world) as port:
        answer = await exchange(port, first + last)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"401", b"404"]
