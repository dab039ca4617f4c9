"""The read API with live push on a real port, and readers of its sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ingest_gateway.process.admin import QuietServer
from projections.live.feed import Feed
from projections.live.hub import Hub
from projections.read_api.app import build_app
from projections.read_api.connection import ApiProtocol
from projections.read_api.live import Live
from projections.read_api.live_connection import WEBSOCKETS
from projections.relay.numbering import enter_epoch, number_batches
from tests.conftest import Database
from tests.integration.projections.conftest import NOW, World
from tests.waiting import patiently

Event = dict[str, Any]
Frame = dict[str, Any]


class Push:
    """A served API whose feed follows the outbox, and a relay that numbers when it is told to."""

    def __init__(self, world: World, port: int, live: Live, relay: asyncpg.Connection) -> None:
        self.world, self.port, self.live, self._relay = world, port, live, relay

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/live"

    async def write(self, *batches: list[Event]) -> None:
        """Commit these outbox batches and number them."""
        for events in batches:
            await self.world.owner.execute(
                "insert into outbox (written_at, events) values ($1, $2)", NOW, json.dumps(events)
            )
        while await number_batches(self._relay):
            pass

    async def new_epoch(self) -> None:
        """As after a restore."""
        await self.world.owner.execute("update relay_state set lineage = 'another/00000001'")
        await enter_epoch(self._relay)

    async def kill_feed(self) -> None:
        """End the listening connection from outside."""
        killed = await self.world.owner.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'eightbells live' and datname = current_database()"
        )
        assert killed == 1

    @asynccontextmanager
    async def reader(
        self, headers: dict[str, str], cursor: str | None = None, **more: object
    ) -> AsyncIterator["Reader"]:
        """Somebody connected, whose first frame has come."""
        async with connect(self.url, max_size=None, max_queue=None) as socket:
            await socket.send(hello(headers, cursor, **more))
            reader = Reader(socket)
            await reader.frame()
            yield reader


class Reader:
    """A socket, and every frame that came over it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []

    @property
    def cursor(self) -> str:
        return str(self.frames[-1]["cursor"])

    def events(self, kind: str | None = None) -> list[Event]:
        found = [event for frame in self.frames for event in frame.get("events", ())]
        return [event for event in found if kind in (None, event["type"])]

    def ids(self, kind: str | None = None) -> list[str]:
        return [event["id"] for event in self.events(kind)]

    async def frame(self) -> Frame:
        async with patiently():
            frame: Frame = json.loads(await self.socket.recv())
        self.frames.append(frame)
        return frame

    async def until(self, event_id: str) -> None:
        """Read until an event has come."""
        while event_id not in self.ids():
            await self.frame()


def hello(headers: dict[str, str], cursor: str | None = None, **more: object) -> str:
    """A first message with the token of these request headers."""
    return json.dumps({"token": headers["Authorization"].split()[1], "cursor": cursor} | more)


def event(number: int, site: str = "S-01", kind: str = "alert.raised", **data: object) -> Event:
    return {
        "id": f"e-{number}",
        "type": kind,
        "studyId": "EB-TEST",
        "siteId": site,
        "patientId": "P-1",
        "at": NOW.isoformat(),
        "data": {"number": number} | data,
    }


@asynccontextmanager
async def pushing(world: World, database: Database, most_frames: int = 64) -> AsyncIterator[Push]:
    """The API with live push; its checks of tokens happen when a test calls ``push.live.check()``."""
    relay = await asyncpg.connect(database.role("eightbells_relay"))
    await enter_epoch(relay)
    metrics = world.services.metrics.live
    hub = Hub(metrics, kept_batches=50)
    live = Live(world.services, hub, frozenset({"https://dashboard.example.org"}), most_frames=most_frames)
    feed = Feed(database.role("eightbells_api"), hub, metrics, world.clock, 0.05, 0.5)
    following = asyncio.create_task(feed.run())
    app = build_app(world.services, push=live)
    config = uvicorn.Config(
        app, port=0, http=ApiProtocol, lifespan="off", log_config=None, server_header=False, **WEBSOCKETS
    )
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield Push(world, server.servers[0].sockets[0].getsockname()[1], live, relay)
    finally:
        server.should_exit = True
        await serving
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await relay.close()


async def closed(reader: Reader) -> int:
    """The code the server closes with."""
    with pytest.raises(ConnectionClosed) as caught:
        await reader.until("nothing is ever called that")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


async def refused(push: Push, first: str | bytes | None, url: str = "", **options: object) -> int:
    """The code with which a connection is closed that sends this first."""
    async with connect(url or push.url, **options) as socket:  # type: ignore[arg-type]
        if first is not None:
            with suppress(ConnectionClosed):  # refused before it was said
                await socket.send(first)
        return await closed(Reader(socket))
