"""WS /api/v1/live: who may listen, and for how long. What they hear is projections.live's."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from ingest_gateway.auth.tokens import Claims, InvalidToken, verify
from projections.live.events import PERMISSIONS
from projections.live.hub import Hub
from projections.live.replay import Replays
from projections.live.subscriber import BAD_TOKEN, NOT_ALLOWED, TOO_SLOW, Ended, Scope, Subscriber
from projections.read_api.database import is_outage
from projections.read_api.identity import Caller, caller_as_known
from projections.read_api.services import Services

_log = logging.getLogger(__name__)
router = APIRouter()
HELLO_S: Final = 5.0
_READY_S: Final = 5.0
_MOST_MESSAGES: Final = 100
_OUR_FAULT: Final = 1011


class Hello(msgspec.Struct, frozen=True):
    """The first message. ``sites`` narrows to some of the caller's; without it, all of them."""

    token: str
    cursor: str | None = None
    sites: list[str] | None = None


class Socket(msgspec.Struct, eq=False):
    """A connected reader: whose token it showed, and what it asked for."""

    claims: Claims
    sid: UUID
    asked: frozenset[str] | None
    subscriber: Subscriber


class Live:
    """Live push in this process: the hub, replays, and the sockets whose tokens are looked at again.

    ``origins``: foreign origins that browsers may connect from, beside the one this server is reached at.
    """

    def __init__(
        self,
        services: Services,
        hub: Hub,
        origins: frozenset[str] = frozenset(),
        most_sockets: int = 5_000,
        most_frames: int = 64,
        check_s: float = 10.0,
    ) -> None:
        self.services = services
        self.hub = hub
        self.replays = Replays(hub, services.database, services.metrics.live, services.clock)
        self.origins = origins
        self.most_sockets = most_sockets
        self.most_frames = most_frames
        self.check_s = check_s
        self.sockets: set[Socket] = set()

    async def keep_checking(self) -> None:
        """Look at every socket's token and scope again, every ``check_s`` seconds."""
        while True:
            await asyncio.sleep(self.check_s)
            try:
                await self.check()
            except Exception as error:  # the next round tries again
                level = logging.WARNING if is_outage(error) else logging.ERROR
                _log.log(level, "sockets could not be checked", exc_info=error)

    async def check(self) -> None:
        """Close sockets whose token or login is no longer good; change the scope of those that have another.

        While Postgres is away only expiry is seen, but nothing is pushed then either.
        """
        now = self.services.clock().timestamp()
        for socket in self.sockets:
            if socket.claims.exp <= now:
                socket.subscriber.end(BAD_TOKEN)
        sockets = [socket for socket in self.sockets if not socket.subscriber.ended]
        known = await self._known([(socket.claims, socket.sid) for socket in sockets])
        for socket, caller in zip(sockets, known, strict=True):
            scope = None if caller is None else scope_of(caller, socket.asked)
            if caller is None:
                socket.subscriber.end(BAD_TOKEN)
            elif scope is None:
                socket.subscriber.end(NOT_ALLOWED)
            elif scope != socket.subscriber.scope and socket in self.sockets:
                self.hub.change_scope(socket.subscriber, scope)

    async def admit(self, hello: Hello) -> Socket:
        """The socket of whoever shows this token, not yet connected to the hub.

        Raises:
            Ended: 4401 for a token that is not good, 1008 for one that may not listen to this.
        """
        services = self.services
        try:
            claims = verify(hello.token, services.keys, services.clock().timestamp())
            sid = UUID(claims.sid)
        except (InvalidToken, ValueError):
            raise Ended(BAD_TOKEN) from None
        [caller] = await self._known([(claims, sid)])
        if caller is None:
            raise Ended(BAD_TOKEN)
        asked = None if hello.sites is None else frozenset(hello.sites)
        scope = scope_of(caller, asked)
        if scope is None or (asked is not None and asked != scope.sites):
            raise Ended(NOT_ALLOWED)
        return Socket(claims, sid, asked, Subscriber(scope, self.most_frames))

    async def _known(self, shown: Sequence[tuple[Claims, UUID]]) -> list[Caller | None]:
        """What the database says of these logins now, all in one query."""
        if not shown:
            return []
        async with self.services.database.session() as session:
            rows = await session.rows(
                "callers", [claims.userId for claims, _ in shown], [sid for _, sid in shown]
            )
        by_place = {row["place"]: row for row in rows}
        found: list[Caller | None] = []
        for place, (claims, sid) in enumerate(shown, 1):
            row = by_place.get(place)
            if row is None or row["role"] != claims.role:
                found.append(None)
            else:
                found.append(caller_as_known(claims, sid, row["sites"], row["permissions"]))
        return found


def scope_of(caller: Caller, asked: frozenset[str] | None) -> Scope | None:
    """What a caller may listen to; None where that is nothing."""
    sites = frozenset(caller.sites) if asked is None else asked & frozenset(caller.sites)
    permissions = caller.permissions & PERMISSIONS
    return Scope(sites, permissions) if sites and permissions else None


def origin_allowed(origin: str | None, host: str | None, origins: frozenset[str]) -> bool:
    """Whether a page of that origin may connect.

    Programs that are no browsers send no Origin. They are let in: a foreign page cannot leave it out, and
    nothing is had here without a token, which no browser sends by itself.
    """
    if origin is None or origin in origins:
        return True
    scheme, mark, authority = origin.partition("://")
    return scheme in ("http", "https") and bool(mark) and authority.lower() == (host or "").lower()


@router.websocket("/api/v1/live")
async def live(websocket: WebSocket) -> None:
    """Accept, so that a refusal can say its code; then everything depends on the first message."""
    held: Live = websocket.app.state.live
    await websocket.accept()
    socket: Socket | None = None
    try:
        hello = await _hello(websocket, held)
        socket = await held.admit(hello)
        await held.replays.join(socket.subscriber, hello.cursor)
        held.sockets.add(socket)
        await _converse(websocket, socket.subscriber)
    except Ended as ended:
        await _close(websocket, held, ended.code)
    except WebSocketDisconnect:
        pass
    except Exception as error:
        outage = is_outage(error)
        _log.log(logging.WARNING if outage else logging.ERROR, "a live socket failed", exc_info=error)
        await _close(websocket, held, TOO_SLOW if outage else _OUR_FAULT)
    finally:
        if socket is not None:
            held.sockets.discard(socket)
            held.hub.leave(socket.subscriber)


async def _hello(websocket: WebSocket, held: Live) -> Hello:
    """The first message, from a page that may send one, within 5 s.

    Raises:
        Ended: 4401 where it is none, or where there is anything in the URL that could be a token; 1008 for a
            foreign origin; 1013 while the process is full or has not found the outbox yet.
    """
    headers = websocket.headers
    if not origin_allowed(headers.get("origin"), headers.get("host"), held.origins):
        raise Ended(NOT_ALLOWED)
    if websocket.scope["query_string"]:
        raise Ended(BAD_TOKEN)
    if len(held.sockets) >= held.most_sockets:
        raise Ended(TOO_SLOW)
    try:
        async with asyncio.timeout(HELLO_S):
            message = await websocket.receive()
    except TimeoutError:
        raise Ended(BAD_TOKEN) from None
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect
    try:
        hello = msgspec.json.decode(message.get("text") or b"", type=Hello)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Ended(BAD_TOKEN) from None
    await _ready(held.hub)
    return hello


async def _ready(hub: Hub) -> None:
    try:
        async with asyncio.timeout(_READY_S):
            await hub.ready.wait()
    except TimeoutError:
        raise Ended(TOO_SLOW) from None


async def _converse(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Send until one side ends it. A send that hangs, because nobody reads, is left when the subscriber ends.

    Raises:
        Ended: with the code to close with.
    """
    writing = asyncio.create_task(_write(websocket, subscriber))
    listening = asyncio.create_task(_listen(websocket))
    subscriber.when_ended = writing.cancel
    try:
        done, _ = await asyncio.wait({writing, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, listening):
            task.cancel()
        await asyncio.gather(writing, listening, return_exceptions=True)
    subscriber.raise_if_ended()
    for task in done:
        task.result()


async def _write(websocket: WebSocket, subscriber: Subscriber) -> None:
    while True:
        await websocket.send_text(await subscriber.next_frame())


async def _listen(websocket: WebSocket) -> None:
    """Nothing more is expected of a reader; a few messages are thrown away, many end it.

    Raises:
        Ended: 1008.
        WebSocketDisconnect: the reader has gone.
    """
    for _ in range(_MOST_MESSAGES):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
    raise Ended(NOT_ALLOWED)


async def _close(websocket: WebSocket, held: Live, code: int) -> None:
    held.services.metrics.live.closed.labels(str(code)).inc()
    try:
        await websocket.close(code)
    except (RuntimeError, WebSocketDisconnect):
        return  # the other side was quicker
