"""The gateway's own answers as bytes, built once where they never change."""

import http
import secrets

import msgspec

from ingest_gateway.contracts.problem import (
    INVALID_TOKEN,
    INVALID_TOKEN_FORMAT,
    MEDIA_TYPE,
    MISSING_AUTHORIZATION,
    problem_bytes,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
END = b"\r\n"
CLOSE_AND_END = b"connection: close\r\n\r\n"
_LEAST_RETRY_S, _RETRY_SPREAD_S = 2, 9


class Response(msgspec.Struct, frozen=True, gc=False):
    """An answer without its ``date`` and ``connection`` fields, which are known when it is written."""

    status: int
    head: bytes
    body: bytes


class Refused(Exception):
    """A request is answered with a problem. ``closes``: what follows on this connection can't be trusted."""

    def __init__(self, response: Response, *, closes: bool = False) -> None:
        super().__init__(response.status)
        self.response = response
        self.closes = closes


def json_response(status: int, body: bytes) -> Response:
    """An answer whose body is JSON."""
    phrase = http.HTTPStatus(status).phrase.encode()
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    return Response(status, head % (status, phrase, len(body)), body)


def refusal(status: int, title: str, detail: str, headers: bytes = b"") -> Response:
    """A problem document; ``headers`` are further header lines, each with its CR LF."""
    body = problem_bytes(status, title, detail)
    phrase = http.HTTPStatus(status).phrase.encode()
    head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b"
    return Response(status, head % (status, phrase, MEDIA_TYPE.encode(), len(body), headers), body)


def retry_after(seconds: float = 0) -> bytes:
    """A Retry-After line, jittered upwards, so that refused clients don't return together."""
    return b"retry-after: %d\r\n" % (int(seconds) + _LEAST_RETRY_S + secrets.randbelow(_RETRY_SPREAD_S))


def _unauthorized(title: str, detail: str, challenge: bytes) -> Response:
    return refusal(401, title, detail, b"www-authenticate: " + challenge + b"\r\n")


BROKEN_HTTP = refusal(400, "Malformed request", "The request is not valid HTTP.")
BAD_HOST = refusal(
    400, "Malformed request", "A request needs exactly one Host, one that this service answers to."
)
NO_UPGRADE = refusal(400, "Malformed request", "Only a GET may ask for an upgrade.")
MISSING_TOKEN = _unauthorized(
    MISSING_AUTHORIZATION, "Send the access token as 'Authorization: Bearer <token>'.", b"Bearer"
)
BAD_TOKEN_FORMAT = _unauthorized(
    INVALID_TOKEN_FORMAT,
    "Send one Authorization header, 'Bearer <token>'.",
    b'Bearer error="invalid_request"',
)
BAD_TOKEN = _unauthorized(INVALID_TOKEN, "The access token is not accepted.", b'Bearer error="invalid_token"')
FOREIGN_PATIENT = refusal(403, "Forbidden", "The token does not entitle its bearer to send this report.")
TOO_SLOW = refusal(408, "Request timeout", "The request took too long to arrive.")
TOO_LARGE = refusal(413, "Content too large", "The body is larger than this route takes.")
NOT_JSON = refusal(415, "Unsupported media type", "Send application/json in UTF-8, with no Content-Encoding.")
NO_SUCH_EXPECTATION = refusal(417, "Expectation failed", "Only 'Expect: 100-continue' can be met.")
HEADERS_TOO_LARGE = refusal(
    431, "Request header fields too large", "At most 64 header fields and 16 KiB are read."
)
INTERNAL_ERROR = refusal(500, "Internal error", "The request could not be handled; nothing was kept.")


def malformed_json(detail: str) -> Response:
    """400: the body is not JSON."""
    return refusal(400, "Malformed JSON", detail)


def wrong_envelope(detail: str) -> Response:
    """422: the body is JSON but not a report."""
    return refusal(422, "Wrong envelope", detail)


def too_many(seconds: float) -> Response:
    """429: this patient may send again after so many seconds."""
    return refusal(
        429, "Too many reports", "Too many reports for one patient; send them later.", retry_after(seconds)
    )


def unavailable(detail: str) -> Response:
    """503: the report was not taken; nothing of it was kept."""
    return refusal(503, "Service unavailable", detail, retry_after())


def outcome_unknown() -> Response:
    """503: the report may or may not become durable."""
    detail = "Kafka has not confirmed the report in time; send the same bytes again, it counts once."
    return refusal(503, "Outcome unknown", detail, retry_after())


_ACCEPTED_BODY = (
    b'{"reportId":"%b","status":"accepted",'
    b'"receipt":{"partition":%d,"offset":%b,"sha256":"%b","receivedAt":"%b"}}'
)
_ACCEPTED_HEAD = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"


def accepted_body(
    report_id: bytes, sha256: bytes, partition: int, offset: int | None, received_at: bytes
) -> bytes:
    """The JSON of ``contracts.receipt.Accepted``. ``report_id`` is a UUID, so nothing here needs escaping."""
    place = b"null" if offset is None else b"%d" % offset
    return _ACCEPTED_BODY % (report_id, partition, place, sha256, received_at)


def accepted(body: bytes) -> Response:
    """202: the report is durable in Kafka."""
    return Response(202, _ACCEPTED_HEAD % len(body), body)
