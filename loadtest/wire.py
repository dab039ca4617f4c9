"""One HTTP/1.1 connection of the client: requests made of prepared bytes, answers parsed as they come.

Written close to the transport because the client shares the machine with what it measures: an ordinary HTTP
client costs more CPU per request than the gateway does.
"""

import asyncio
import ipaddress
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import httptools
import msgspec

REPORTS_PATH: Final = "/api/v1/reports"


class NotLoopback(ValueError):
    """Bursts go to this machine only: aimed elsewhere they would be an attack, and no measurement either."""

    exit_code = 2


class Target(msgspec.Struct, frozen=True):
    """Where a burst goes: a literal loopback address and a port."""

    host: str
    port: int


def loopback_target(url: str) -> Target:
    """The target that a gateway's base URL names.

    Raises:
        NotLoopback: not plain HTTP, or anywhere but on this machine.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback:
        raise NotLoopback(
            "The gateway has to be http:// on a loopback address: load tests stay on this machine."
        )
    return Target(host, port)


class Request(msgspec.Struct, frozen=True):
    """A POST of a report, all but the attempt's own time, which goes between the two pieces."""

    before: bytes
    after: bytes

    def at(self, sent_at: bytes) -> bytes:
        """The bytes of one attempt."""
        return b"%b%b%b" % (self.before, sent_at, self.after)


def report_request(target: Target, token: str, body: bytes, *, keep_alive: bool) -> Request:
    """Lay out the POST of a report."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    head = (
        f"POST {REPORTS_PATH} HTTP/1.1\r\nHost: {host}:{target.port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"{'' if keep_alive else 'Connection: close' + chr(13) + chr(10)}Eight-Bells-Sent-At: "
    )
    return Request(head.encode("ascii"), b"\r\n\r\n" + body)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole response. ``retry_after`` is in seconds, as far as the server named any."""

    status: int
    body: bytes
    retry_after: float | None


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def answered(self, connection: "Connection", answer: Answer, *, reusable: bool) -> None:
        """The request in flight got its answer."""

    def broken(self, connection: "Connection") -> None:
        """The connection is gone, with or without a request in flight."""


class Connection(asyncio.Protocol):
    """A connection with at most one request in flight. An answer that nobody asked for breaks it."""

    __slots__ = ("_body", "_busy", "_owner", "_parser", "_retry_after", "_transport")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._retry_after: float | None = None
        self._transport: asyncio.Transport | None = None
        self._busy = False

    @property
    def is_open(self) -> bool:
        """Whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> None:
        """Write one request. The connection has to be open and without another request in flight."""
        self._busy = True
        cast("asyncio.Transport", self._transport).write(request)

    def close(self) -> None:
        """Close the connection in an orderly way; ``broken`` follows."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection at once; ``broken`` follows."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, whatever the reason was."""
        self._owner.broken(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of all the headers one matters."""
        if len(name) == 11 and name.lower() == b"retry-after" and value.isdigit():
            self._retry_after = float(value)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if not self._busy:
            self.abort()
            return
        answer = Answer(self._parser.get_status_code(), b"".join(self._body), self._retry_after)
        self._body.clear()
        self._retry_after = None
        self._busy = False
        self._owner.answered(self, answer, reusable=self._parser.should_keep_alive())
