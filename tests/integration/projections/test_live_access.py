"""Who may listen to live push, and for how long: tokens, scopes, origins, and what closes a socket."""

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect

from tests.conftest import Database
from tests.integration.projections.conftest import NOW, World, bearer
from tests.integration.projections.sockets import Push, Reader, closed, event, hello, pushing, refused

BOTH = ("S-01", "S-02")


@pytest.fixture
async def push(world: World, database: Database) -> AsyncIterator[Push]:
    async with pushing(world, database) as made:
        yield made


async def test_a_first_message_without_a_good_token_is_closed_with_4401(
    push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = push.world
    good = json.loads(hello(world.doctor()))["token"]
    old = world.sign(world.claims("dr.chen", "doctor"), iat=1, exp=2)
    gone = world.doctor("nobody")
    firsts = (
        "", "{", "[]", "null", '"x"', b"\xff", json.dumps({"token": 1}), json.dumps({"cursor": None}),
        json.dumps({"token": good[:-3]}), json.dumps({"token": good, "cursor": 5}), good,
        "[" * 5_000, hello(old), hello(gone),
    )  # fmt: skip
    for first in firsts:
        assert await refused(push, first) == 4401, first
    assert await refused(push, b'{"token": "' + good.encode() + b'"}') == 4401  # not a text frame
    assert await refused(push, "x" * 20_000) == 1009
    monkeypatch.setattr("projections.read_api.live.HELLO_S", 0.2)
    assert await refused(push, None) == 4401
    assert push.live.sockets == set()


async def test_a_token_in_the_url_is_refused_even_with_a_good_one_in_the_message(push: Push) -> None:
    first = hello(push.world.doctor())
    token = json.loads(first)["token"]
    for query in (f"?token={token}", f"?access_token={token}", "?x=1"):
        assert await refused(push, first, push.url + query) == 4401


async def test_foreign_origins_are_closed_with_1008_and_programs_may_connect(push: Push) -> None:
    first = hello(push.world.doctor())
    foreign = (
        "https://evil.example.org", "null", "https://dashboard.example.org.evil.org", "file://",
        f"http://127.0.0.1:{push.port + 1}", f"ftp://127.0.0.1:{push.port}", "",
    )  # fmt: skip
    for origin in foreign:
        assert await refused(push, first, additional_headers={"Origin": origin}) == 1008, origin
    for own in ("https://dashboard.example.org", f"http://127.0.0.1:{push.port}", None):
        headers = {"Origin": own} if own else {}
        async with connect(push.url, additional_headers=headers) as socket:
            await socket.send(first)
            assert (await Reader(socket).frame())["events"] == []


async def test_patients_admins_and_readers_of_foreign_sites_are_closed_with_1008(push: Push) -> None:
    world = push.world
    for headers in (
        world.patient("P-1"),
        world.admin(),
        world.doctor(sites=()),
        world.doctor(permissions=()),
    ):
        assert await refused(push, hello(headers)) == 1008
    for sites in (["S-02"], ["S-01", "S-02"], ["S-99"], []):
        assert await refused(push, hello(world.doctor(), sites=sites)) == 1008
    assert await refused(push, hello(world.doctor(sites=("S-02",)))) == 1008  # claimed, not granted


async def test_a_token_that_expires_or_a_login_that_ends_closes_the_socket(push: Push) -> None:
    world = push.world
    claims = world.claims("dr.chen", "doctor")
    short = world.sign(claims, sites=("S-01",), permissions=("patients.read",), exp=claims.iat + 60)
    async with push.reader(short) as expiring, push.reader(world.doctor()) as staying:
        await push.live.check()
        world.clock.advance(seconds=61)
        await push.live.check()
        assert await closed(expiring) == 4401
        await push.write([event(1)])
        await staying.until("e-1")
    leaving = replace(world.claims("dr.chen", "doctor"), sites=("S-01",), permissions=("patients.read",))
    headers = world.sign(leaving)
    async with push.reader(headers) as out, push.reader(world.doctor()) as disabled:
        assert (await world.client.post("/logout", headers=headers)).status_code == 204
        await push.live.check()
        assert await closed(out) == 4401
        await world.owner.execute("update users set disabled_at = $1 where user_id = 'dr.chen'", NOW)
        await push.live.check()
        assert await closed(disabled) == 4401
    assert await refused(push, hello(headers)) == 4401


async def test_a_scope_that_changes_takes_effect_while_connected(push: Push) -> None:
    world = push.world
    async with push.reader(world.doctor("coord.all", BOTH)) as reader:
        await world.owner.execute("delete from user_sites where user_id = 'coord.all' and site_id = 'S-02'")
        await push.live.check()
        while not (await reader.frame()).get("resync"):
            pass
        since = len(reader.frames)
        await push.write([event(1, "S-02"), event(2)])
        await reader.until("e-2")
        assert "S-02" not in json.dumps(reader.frames[since:])
        await world.owner.execute("insert into user_sites values ('coord.all', 'S-02')")
        await push.live.check()
        while not (await reader.frame()).get("resync"):
            pass
        await push.write([event(3, "S-02")])
        await reader.until("e-3")
        await world.owner.execute("delete from user_sites where user_id = 'coord.all'")
        await push.live.check()
        assert await closed(reader) == 1008


async def test_a_reader_that_talks_on_is_closed(push: Push) -> None:
    async with push.reader(push.world.doctor()) as reader:
        for _ in range(100):
            await reader.socket.send("hello?")
        assert await closed(reader) == 1008


async def test_one_connection_listens_whatever_the_number_of_sockets(push: Push) -> None:
    async def listening(owner: asyncpg.Connection) -> int:
        count: int = await owner.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'eightbells live'"
            " and datname = current_database()"
        )
        return count

    async with push.reader(push.world.doctor()), push.reader(push.world.doctor()):
        assert await listening(push.world.owner) == 1


async def test_plain_http_on_the_path_is_a_404_and_other_paths_have_no_sockets(push: Push) -> None:
    answer = await push.world.client.get("/api/v1/live", headers=bearer("x"))
    assert answer.status_code == 404
    with pytest.raises(Exception, match="403"):
        await refused(push, None, push.url + "/other")
