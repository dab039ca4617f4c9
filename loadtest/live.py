"""Readers of live push by the thousand: a WebSocket client of a few lines that notes when each event came.

It does what our server needs and no more: no extensions, no fragments. Everything it hears is looked at,
since what must not arrive matters as much as what must.
"""

import asyncio
import base64
import os
import time
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_END_OF_HEAD: Final = b"\r\n\r\n"
_AT_ONCE: Final = 50
_OPEN_S: Final = 60.0
_TRY_AGAIN: Final = 1013
_AGAIN_S: Final = 0.5


class NotConnected(RuntimeError):
    """A socket was refused or closed before its first frame."""


class EventData(msgspec.Struct, frozen=True, gc=False):
    """What is looked at of an event's data."""

    alertId: str | None = None
    receivedAt: str | None = None
    completed: int | None = None


class HeardEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as a dashboard gets it."""

    id: str
    type: str
    siteId: str
    at: str
    data: EventData


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A frame as a dashboard gets it."""

    cursor: str
    events: list[HeardEvent] = []
    resync: bool = False


class Reader(asyncio.Protocol):
    """One socket. ``heard`` is called with every frame and the time (seconds since the epoch) it came."""

    def __init__(self, host: str, token: str, heard: Callable[["Reader", Frame, float], None]) -> None:
        self.host = host
        self.code: int | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.bytes = 0
        self._hello = msgspec.json.encode({"token": token, "cursor": None})
        self._heard = heard
        self._buffer = bytearray()
        self._upgraded = False
        self._frames = msgspec.json.Decoder(Frame)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a socket."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /api/v1/live HTTP/1.1\r\nHost: {self.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take whole frames out of what has come."""
        now = time.time()
        self.bytes += len(data)
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        while (frame := self._next()) is not None:
            self._take(*frame, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for the first frame waits in vain."""
        if not self.opened.done():
            self.opened.set_exception(NotConnected(f"closed with {self.code}"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _upgrade(self) -> bool:
        head, mark, rest = bytes(self._buffer).partition(_END_OF_HEAD)
        if not mark:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self.close()
            return False
        self._upgraded = True
        self._buffer = bytearray(rest)
        self._write(_TEXT, self._hello)
        return True

    def _next(self) -> tuple[int, bytes] | None:
        """The opcode and the payload of the next whole frame."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10]), 10
        if len(buffer) < start + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == _PING:
            self._write(_PONG, payload)
        elif opcode == _CLOSE:
            self.code = int.from_bytes(payload[:2]) if payload else 1005
            self.close()
        elif opcode == _TEXT:
            if not self.opened.done():
                self.opened.set_result(None)
            self._heard(self, self._frames.decode(payload), now)

    def _write(self, opcode: int, payload: bytes) -> None:
        """A masked frame; the mask is zero, which is a mask like any other."""
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2)
        if self._transport is not None:
            self._transport.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)


async def open_readers(
    host: str, port: int, tokens: Sequence[str], heard: Callable[[Reader, Frame, float], None]
) -> list[Reader]:
    """Connect a reader for each token, a few at a time; every first frame has come.

    One that is told to try again later does so, as a dashboard would.

    Raises:
        NotConnected: one was refused.
        TimeoutError: it took longer than a minute.
    """
    loop = asyncio.get_running_loop()
    turn = asyncio.Semaphore(_AT_ONCE)

    async def connect(token: str) -> Reader:
        async with turn:
            while True:
                _, reader = await loop.create_connection(
                    lambda: Reader(f"{host}:{port}", token, heard), host, port
                )
                try:
                    await reader.opened
                except NotConnected:
                    if reader.code != _TRY_AGAIN:
                        raise
                    await asyncio.sleep(_AGAIN_S)
                else:
                    return reader

    async with asyncio.timeout(_OPEN_S):
        return await asyncio.gather(*(connect(token) for token in tokens))
