"""A patient's connection: reports are answered here, before ASGI; every other request is the application's.

A subclass of uvicorn's httptools protocol. Requests are answered in the order they came, whoever answers
them: each is an ``Exchange`` in one queue per connection, and only the first in line may write.
"""

import asyncio
import logging
from collections import deque
from typing import Any, ClassVar

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ingest_gateway import responses
from ingest_gateway.exchange import AsgiExchange, Exchange
from ingest_gateway.flow import OrderedFlow
from ingest_gateway.gateway import Gateway
from ingest_gateway.request import Fields, check_length, header_size, single_fields
from ingest_gateway.responses import Refused, Response
from ingest_gateway.routing import begin_exchange, cors_lines, is_http_1_1

_log = logging.getLogger(__name__)

_IDLE, _HEADER, _BODY, _DONE = range(4)
"""What is being read: nothing, a header, a body, or nothing more on this connection."""


class _StopReading(Exception):
    """Raised in a parser callback to end parsing: the rest of this connection's input is not looked at."""


class ReportProtocol(HttpToolsProtocol):
    """One connection. Subclassed by ``bound_to``, which gives it the gateway it serves."""

    gateway: ClassVar[Gateway]
    flow: OrderedFlow

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.exchanges: deque[Exchange] = deque()
        self.current: Exchange | None = None
        self.stage = _IDLE
        self.since = self.gateway.coarse.now
        self.unread_since: float | None = None
        self.draining = False
        self.half_closed = False
        self.chunk = 0
        self.wire = 0
        self.most = 0

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn, with our flow control."""
        super().connection_made(transport)
        self.flow = OrderedFlow(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer. What is being published goes on; what is still being read is released."""
        self.stage = _DONE
        if self.current is not None:
            self.current.abandon()
            self.current = None
        for exchange in self.exchanges:
            if isinstance(exchange, AsgiExchange):
                exchange.disconnect()
        self.exchanges.clear()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio allows it, uvicorn says None
        """A client that has sent all it wants to send still gets its answers."""
        self.half_closed = True
        if self.stage in (_HEADER, _BODY):
            self._fail(responses.BROKEN_HTTP)
        return bool(self.exchanges)

    def data_received(self, data: bytes) -> None:
        """Parse; the parser calls the ``on_`` methods."""
        self.chunk = len(data)
        if self.stage != _IDLE:
            self.wire += self.chunk
            if self.stage == _DONE:
                if self.wire > self.gateway.limits.linger_bytes:
                    self.transport.abort()
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _StopReading):
                _log.exception("A request could not be handled")
                self._fail(responses.INTERNAL_ERROR)
        except httptools.HttpParserUpgrade:
            self._stop_reading()  # a GET that asked for an upgrade is answered without one, and closed
        except httptools.HttpParserError:
            self._fail(responses.BROKEN_HTTP)
        else:
            if self.stage != _IDLE and self.wire:
                self._check_unfinished()

    def pause_writing(self) -> None:
        """The client doesn't read its answers: don't read its requests."""
        super().pause_writing()
        self.unread_since = self.gateway.coarse.now
        self.flow.hold()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.unread_since = None
        self._release_reading()

    # What the parser tells

    def on_message_begin(self) -> None:
        """A request line begins."""
        if self.stage == _DONE:
            raise _StopReading
        self.stage = _HEADER
        self.since = self.gateway.coarse.now
        self.wire = 0
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field, or one trailer, which ends up in a list that nobody reads."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide who answers, and check all that the header tells, before any of the body is read."""
        headers, self.headers = self.headers, []
        self.stage = _BODY
        self.since = self.gateway.coarse.now
        fields = single_fields(headers)
        try:
            exchange = begin_exchange(self, headers, fields)
        except Refused as refused:
            closes = not (is_http_1_1(self.parser, fields) and self.parser.should_keep_alive())
            exchange = Exchange(self, closes=closes, extra=cors_lines(self, fields))
            self._enqueue(exchange)
            self._refuse_unread(exchange, refused, fields)
        else:
            self._enqueue(exchange)

    def on_body(self, body: bytes) -> None:
        """A part of the current request's body."""
        current = self.current
        if current is None:
            raise _StopReading
        try:
            current.take(body)
        except Refused as refused:
            self._fail(refused.response)
            raise _StopReading from None

    def on_message_complete(self) -> None:
        """The current request is complete."""
        current, self.current = self.current, None
        if self.stage == _DONE or current is None:
            raise _StopReading
        self.stage = _DONE if current.closes else _IDLE
        self.since = self.gateway.coarse.now
        try:
            current.complete()
        except Refused as refused:
            current.abandon()
            self.answer(current, refused.response)
        except Exception:
            _log.exception("A report could not be handled")
            current.abandon()
            self.answer(current, responses.INTERNAL_ERROR)
        if self.draining and not self.exchanges:
            self.transport.close()

    # Answers

    def answer(self, exchange: Exchange, response: Response) -> None:
        """Answer a request: now if it is first in line, else as soon as it is."""
        exchange.response = response
        self.gateway.metrics.answers[response.status] += 1
        exchanges = self.exchanges
        if exchanges and exchanges[0] is exchange:
            self._advance()

    def on_response_complete(self) -> None:
        """The application has answered the request that is first in line."""
        self.server_state.total_requests += 1
        exchange = self.exchanges.popleft() if self.exchanges else None
        if exchange is None or self.transport.is_closing():
            return
        if exchange.closes:
            self._finish(exchange)
        else:
            self._advance()

    def start_application(self, cycle: RequestResponseCycle) -> None:
        """Run the application for one request."""
        self._start_asgi_task(cycle, self.app)

    def shutdown(self) -> None:
        """The server stops: answer what has come, then close."""
        self.draining = True
        if self.stage == _IDLE and not self.exchanges:
            self.transport.close()
        elif self.stage == _IDLE and isinstance(self.exchanges[-1], AsgiExchange):
            self.exchanges[-1].cycle.keep_alive = False

    def sweep(self, now: float) -> None:
        """Look after what takes too long. Called every ``limits.tick``."""
        limits, waited = self.gateway.limits, now - self.since
        if self.unread_since is not None:
            if now - self.unread_since > limits.unread_timeout:
                self.transport.abort()
        elif self.flow.read_paused:
            self.since = now
        elif self.stage == _HEADER:
            if waited >= limits.header_timeout:
                self._fail(responses.TOO_SLOW)
        elif self.stage == _BODY:
            if waited >= limits.body_timeout:
                self._fail(responses.TOO_SLOW)
        elif not self.exchanges and waited >= (
            limits.keep_alive if self.stage == _IDLE else limits.linger_timeout
        ):
            self.transport.close()

    # Steps

    def _enqueue(self, exchange: Exchange) -> None:
        self.current = exchange
        exchanges = self.exchanges
        exchanges.append(exchange)
        if exchanges[0] is exchange:
            exchange.first_in_line()
        elif len(exchanges) >= self.gateway.limits.queued_requests:
            self.flow.hold()

    def _advance(self) -> None:
        """Write the answers that are due."""
        exchanges = self.exchanges
        while exchanges:
            exchange = exchanges[0]
            response = exchange.response
            if response is None:
                exchange.first_in_line()
                break
            exchanges.popleft()
            last = exchange.closes or (self.draining and not exchanges and self.stage == _IDLE)
            self.transport.write(
                b"".join(
                    (
                        response.head,
                        self.gateway.coarse.date,
                        exchange.extra,
                        responses.CLOSE_AND_END if last else responses.END,
                        response.body,
                    )
                )
            )
            if last:
                self._finish(exchange)
                return
        if self.stage == _IDLE:
            self.since = self.gateway.coarse.now
            if not exchanges and self.half_closed:
                self.transport.close()
        if self.flow.held:
            self._release_reading()

    def _finish(self, exchange: Exchange) -> None:
        """The last answer of this connection is written."""
        self.exchanges.clear()
        self.stage = _DONE
        self.since = self.gateway.coarse.now
        if exchange.lingers and not self.half_closed and self.transport.can_write_eof():
            self.wire = 0
            self.transport.write_eof()
            self.flow.held = False
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _release_reading(self) -> None:
        if self.unread_since is None and 2 * len(self.exchanges) <= self.gateway.limits.queued_requests:
            self.flow.release()

    def _refuse_unread(self, exchange: Exchange, refused: Refused, fields: Fields) -> None:
        """Refuse a request whose body is still to come: skip it where it is short, else stop reading."""
        if exchange.closes or refused.closes or not self._can_skip(fields):
            exchange.closes = exchange.lingers = True
            self._stop_reading()
            self.answer(exchange, refused.response)
            raise _StopReading
        self.current = Exchange(self, closes=False)
        self.answer(exchange, refused.response)

    def _can_skip(self, fields: Fields) -> bool:
        try:
            return (
                b"expect" not in fields and check_length(fields, self.gateway.limits.other_bytes) is not None
            )
        except Refused:
            return False

    def _stop_reading(self) -> None:
        self.stage = _DONE
        self.current = None
        self.wire = 0

    def _fail(self, response: Response) -> None:
        """Answer what is being read with ``response``, as the last answer of this connection."""
        if self.stage == _DONE:
            return
        current = self.current
        if current is None:
            current = Exchange(self, closes=True)
            self.exchanges.append(current)
        current.abandon()
        self._stop_reading()
        if current not in self.exchanges:  # its answer is written, or in line
            if self.exchanges:
                self.exchanges[-1].closes = True
            else:
                self.transport.close()
        elif isinstance(current, AsgiExchange) and current.started:
            self.transport.close()
        else:
            current.closes = current.lingers = True
            self.answer(current, response)

    def _check_unfinished(self) -> None:
        """A header or a body goes on after this data: has too much come already?"""
        limits = self.gateway.limits
        if self.stage == _HEADER:
            if self.wire > limits.header_bytes or header_size(self.url, self.headers) > limits.header_bytes:
                self._fail(responses.HEADERS_TOO_LARGE)
        elif self.stage == _BODY and self.wire > limits.wire_bytes(self.most):
            self._fail(responses.TOO_LARGE)


def bound_to(gateway: Gateway) -> type[ReportProtocol]:
    """The protocol class of one gateway: uvicorn makes an instance for each connection."""
    return type("BoundReportProtocol", (ReportProtocol,), {"gateway": gateway})
