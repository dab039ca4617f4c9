"""Who answers a request, decided once its header has arrived and before any of its body is read."""

import urllib.parse
from typing import TYPE_CHECKING

import httptools

from ingest_gateway.batches import BatchExchange
from ingest_gateway.exchange import AsgiExchange, Exchange, asgi_cycle, asgi_scope
from ingest_gateway.reports import BodyExchange, ReportExchange
from ingest_gateway.request import (
    Fields,
    Headers,
    check_content,
    check_expectation,
    check_header_size,
    check_host,
    check_length,
    check_sender,
)
from ingest_gateway.responses import BROKEN_HTTP, NO_UPGRADE, Refused

if TYPE_CHECKING:
    from ingest_gateway.connection import OrderedConnection

REPORTS_PATH = b"/api/v1/reports"
BATCH_PATH = b"/api/v1/reports:batch"
_HOT: dict[bytes, type[BodyExchange]] = {REPORTS_PATH: ReportExchange, BATCH_PATH: BatchExchange}


def begin_exchange(connection: "OrderedConnection", headers: Headers, fields: Fields) -> Exchange:
    """Check what a header tells, in the contract's order, and return the exchange that takes the body.

    Raises:
        Refused: 400, 417, 431; for a report also 503, 401, 415; 413.
    """
    parser, gateway = connection.parser, connection.gateway
    check_header_size(connection, headers)
    keep_alive = parser.should_keep_alive()
    http_1_1 = is_http_1_1(parser, fields, keep_alive)
    if not http_1_1 and parser.get_http_version() != "1.0":
        raise Refused(BROKEN_HTTP, closes=True)
    check_host(fields, http_1_1, gateway.allowed_hosts)
    wants_continue = b"expect" in fields and check_expectation(fields, http_1_1)
    closes = not (http_1_1 and keep_alive)
    method = parser.get_method()
    if parser.should_upgrade():
        closes = True
        if method != b"GET":
            raise Refused(NO_UPGRADE, closes=True)
    kind = (_HOT.get(connection.url) or _kind_of_unusual(connection.url)) if method == b"POST" else None
    if kind is None:
        return _begin_asgi(connection, method, headers, fields, http_1_1, closes, wants_continue)
    claims = check_sender(gateway, fields)
    most = gateway.limits.report_bytes if kind is ReportExchange else gateway.limits.batch_bytes
    connection.most = most
    length = check_content(fields, most)
    extra = cors_lines(connection, fields) if gateway.cors_origin else b""
    exchange = kind(connection, fields, claims, length, most, closes, extra)
    if wants_continue and length != 0:
        exchange.wants_continue = True
    return exchange


def is_http_1_1(parser: httptools.HttpRequestParser, fields: Fields, keep_alive: bool) -> bool:
    """Whether a request is HTTP/1.1: that alone stays open unasked, and asking the version costs a text."""
    return (keep_alive and b"connection" not in fields) or parser.get_http_version() == "1.1"


def cors_lines(connection: "OrderedConnection", fields: Fields) -> bytes:
    """Header lines that let the one foreign origin read an answer."""
    gateway = connection.gateway
    return gateway.cors_lines if gateway.cors_origin and fields.get(b"origin") == gateway.cors_origin else b""


def _kind_of_unusual(url: bytes) -> type[BodyExchange] | None:
    """The same for a URL with a query, with percent-encoding, or in absolute form."""
    return _HOT.get(urllib.parse.unquote_to_bytes(_parse(url).path or b"/"))


def _parse(url: bytes) -> "httptools.parser.url_parser.URL":
    try:
        return httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise Refused(BROKEN_HTTP, closes=True) from None


def _begin_asgi(
    connection: "OrderedConnection",
    method: bytes,
    headers: Headers,
    fields: Fields,
    http_1_1: bool,
    closes: bool,
    wants_continue: bool,
) -> AsgiExchange:
    url = _parse(connection.url)
    connection.most = most = connection.gateway.limits.other_bytes
    check_length(fields, most)
    connection.scope = asgi_scope(
        connection, method, url.path or b"/", url.query or b"", headers, http_1_1=http_1_1
    )
    connection.cycle = asgi_cycle(connection, keep_alive=not closes, wants_continue=wants_continue)
    return AsgiExchange(connection, connection.cycle, closes=closes, most=most)
