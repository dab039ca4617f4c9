"""A request and its answer: each has its place in the order of its connection until it is written."""

import asyncio
import urllib.parse
from typing import TYPE_CHECKING

from uvicorn._types import HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from ingest_gateway.responses import TOO_LARGE, Refused, Response

if TYPE_CHECKING:
    from ingest_gateway.connection import OrderedConnection


class Exchange:
    """One request. Answered by setting its response; written when everything before it is.

    ``closes``: the connection ends after it. ``lingers``: its client may still be sending. ``extra``: header
    lines of the answer. ``wants_continue``: the client waits for "100 Continue".
    This class itself is a request that was refused: what is left of its body is skipped.
    """

    __slots__ = ("closes", "connection", "extra", "lingers", "response", "wants_continue")

    def __init__(self, connection: "OrderedConnection", *, closes: bool, extra: bytes = b"") -> None:
        self.connection = connection
        self.closes = closes
        self.extra = extra
        self.lingers = False
        self.wants_continue = False
        self.response: Response | None = None

    def take(self, data: bytes) -> None:
        """A part of the body has arrived."""

    def await_rest(self) -> None:
        """A part of the body is still to come."""

    def complete(self) -> None:
        """The whole request has arrived."""

    def first_in_line(self) -> None:
        """Everything before this request is answered."""

    def abandon(self) -> None:
        """The rest of the request will not be read."""


class AsgiExchange(Exchange):
    """A request that the ASGI application answers; its task starts when it is first in line."""

    __slots__ = ("_most", "_size", "cycle", "started")

    def __init__(
        self, connection: "OrderedConnection", cycle: RequestResponseCycle, *, closes: bool, most: int
    ) -> None:
        super().__init__(connection, closes=closes)
        self.cycle = cycle
        self.started = False
        self._most = most
        self._size = 0

    def take(self, data: bytes) -> None:
        """Pass it on, and stop reading while the application is behind; 413 when it is too much."""
        self._size += len(data)
        if self._size > self._most:
            raise Refused(TOO_LARGE, closes=True)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += data
        if len(cycle.body) > HIGH_WATER_LIMIT:
            cycle.flow.pause_reading()
        cycle.message_event.set()

    def complete(self) -> None:
        """Tell the application."""
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def first_in_line(self) -> None:
        """Start the application."""
        if not self.started:
            self.started = True
            self.connection.start_application(self.cycle)

    def disconnect(self) -> None:
        """Tell the application that nobody waits for its answer."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()


def asgi_scope(
    connection: "OrderedConnection",
    method: bytes,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    *,
    http_1_1: bool,
) -> HTTPScope:
    """The ASGI scope of a request, as uvicorn's protocol makes it."""
    return {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": "1.1" if http_1_1 else "1.0",
        "server": get_local_addr(connection.transport),
        "client": get_remote_addr(connection.transport),
        "scheme": "https" if is_ssl(connection.transport) else "http",
        "method": method.decode("ascii"),
        "root_path": connection.root_path,
        "path": urllib.parse.unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "state": connection.app_state.copy(),
        "extensions": {},
    }


def asgi_cycle(
    connection: "OrderedConnection", *, keep_alive: bool, wants_continue: bool
) -> RequestResponseCycle:
    """Uvicorn's own request and response cycle, as its protocol makes it."""
    return RequestResponseCycle(
        scope=connection.scope,
        transport=connection.transport,
        flow=connection.flow,
        logger=connection.logger,
        access_logger=connection.access_logger,
        access_log=False,
        default_headers=connection.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=wants_continue,
        keep_alive=keep_alive,
        on_response=connection.on_response_complete,
    )
