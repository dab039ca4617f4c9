"""Reading a patients' connection: reports are answered here, before ASGI; all else is the application's."""

import logging

import httptools

from ingest_gateway import responses
from ingest_gateway.connection import BODY, DONE, HEADER, IDLE, OrderedConnection
from ingest_gateway.exchange import Exchange
from ingest_gateway.gateway import Gateway
from ingest_gateway.request import Fields, check_length, header_size, single_fields
from ingest_gateway.responses import Refused
from ingest_gateway.routing import begin_exchange, cors_lines, is_http_1_1

_log = logging.getLogger(__name__)


class _StopReading(Exception):
    """Raised in a parser callback to end parsing: the rest of this connection's input is not looked at."""


class ReportProtocol(OrderedConnection):
    """Feeds the parser and acts on what it finds. ``bound_to`` gives it the gateway it serves."""

    def data_received(self, data: bytes) -> None:
        """Parse; the parser calls the ``on_`` methods."""
        self.chunk = len(data)
        if self.stage != IDLE:
            self.wire += self.chunk
            if self.stage == DONE:
                self._discard()
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _StopReading):
                _log.exception("A request could not be handled")
                self.fail(responses.INTERNAL_ERROR)
        except httptools.HttpParserUpgrade:
            self.stop_reading()  # a GET that asked for an upgrade is answered without one, and closed
        except httptools.HttpParserError:
            self.fail(responses.BROKEN_HTTP)
        else:
            if self.stage != IDLE:
                self._check_unfinished()

    def on_message_begin(self) -> None:
        """A request line begins."""
        if self.stage == DONE:
            raise _StopReading
        self.stage = HEADER
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
        self.stage = BODY
        self.since = self.gateway.coarse.now
        fields = single_fields(headers)
        try:
            exchange = begin_exchange(self, headers, fields)
        except Refused as refused:
            keep_alive = self.parser.should_keep_alive()
            closes = not (keep_alive and is_http_1_1(self.parser, fields, keep_alive))
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
            self.fail(refused.response)
            raise _StopReading from None

    def on_message_complete(self) -> None:
        """The current request is complete."""
        current, self.current = self.current, None
        if self.stage == DONE or current is None:
            raise _StopReading
        self.stage = DONE if current.closes else IDLE
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

    def _enqueue(self, exchange: Exchange) -> None:
        self.current = exchange
        exchanges = self.exchanges
        exchanges.append(exchange)
        if exchanges[0] is exchange:
            exchange.first_in_line()
        elif len(exchanges) >= self.gateway.limits.queued_requests:
            self.flow.hold()

    def _discard(self) -> None:
        """What comes after the last request is not wanted: leave it unread until that is answered."""
        if self.exchanges:
            self.flow.hold()
        elif self.wire > self.gateway.limits.linger_bytes:
            self.transport.abort()

    def _refuse_unread(self, exchange: Exchange, refused: Refused, fields: Fields) -> None:
        """Refuse a request whose body is still to come: skip it where it is short, else stop reading."""
        if exchange.closes or refused.closes or not self._can_skip(fields):
            exchange.closes = exchange.lingers = True
            self.stop_reading()
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

    def _check_unfinished(self) -> None:
        """A header or a body goes on after this data: has too much come already?"""
        limits = self.gateway.limits
        if self.stage == HEADER:
            if self.wire > limits.header_bytes or header_size(self.url, self.headers) > limits.header_bytes:
                self.fail(responses.HEADERS_TOO_LARGE)
        elif self.stage == BODY and self.wire > limits.wire_bytes(self.most):
            self.fail(responses.TOO_LARGE)
        elif self.current is not None:
            try:
                self.current.await_rest()
            except Refused as refused:
                self.fail(refused.response)


def bound_to(gateway: Gateway) -> type[ReportProtocol]:
    """The protocol class of one gateway: uvicorn makes an instance for each connection."""
    return type("BoundReportProtocol", (ReportProtocol,), {"gateway": gateway})
