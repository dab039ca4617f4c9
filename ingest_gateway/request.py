"""What is checked of a request for a report, in the contract's order; each check refuses or lets through."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from ingest_gateway.auth.tokens import Claims, InvalidToken
from ingest_gateway.contracts.report import (
    FIRST_YEAR,
    LAST_YEAR,
    MalformedJson,
    Report,
    WrongEnvelope,
    decode_report,
)
from ingest_gateway.contracts.topics import (
    HEADER_ROLE,
    HEADER_SENT_AT,
    HEADER_TRACEPARENT,
    HEADER_USER_ID,
)
from ingest_gateway.gateway import Gateway
from ingest_gateway.responses import (
    BAD_HOST,
    BAD_TOKEN,
    BAD_TOKEN_FORMAT,
    BROKEN_HTTP,
    FOREIGN_PATIENT,
    HEADERS_TOO_LARGE,
    MISSING_TOKEN,
    NO_SUCH_EXPECTATION,
    NOT_JSON,
    TOO_LARGE,
    Refused,
    malformed_json,
    too_many,
    unavailable,
    wrong_envelope,
)

if TYPE_CHECKING:
    from ingest_gateway.connection import OrderedConnection

Headers = list[tuple[bytes, bytes]]
"""Header fields as they came, with their names in lower case."""
Fields = dict[bytes, bytes]
"""Header fields by lower-case name."""

_JSON = b"application/json"
_JSON_WITH_PARAMETERS = re.compile(
    rb'application/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?\Z', re.IGNORECASE
)
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_read_time = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)]).decode


def single_fields(headers: Headers) -> Fields:
    """Header fields by name.

    A name that is repeated maps to all its values joined by a comma, as HTTP has it: no check below accepts
    such a value for a field that may appear once.
    """
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def check_header_size(connection: "OrderedConnection", headers: Headers) -> None:
    """431: too many fields, or too many bytes in the request line and fields.

    What has arrived since the request began is never less than its header, and cheaper to know.
    """
    limits = connection.gateway.limits
    if len(headers) > limits.header_fields or (
        connection.wire + connection.chunk > limits.header_bytes
        and header_size(connection.url, headers) > limits.header_bytes
    ):
        raise Refused(HEADERS_TOO_LARGE, closes=True)


def header_size(url: bytes, headers: Headers) -> int:
    """Bytes of a request line and its fields, near enough."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def check_host(fields: Fields, http_1_1: bool, allowed_hosts: frozenset[bytes]) -> None:
    """400: HTTP/1.1 without exactly one Host, or a host this deployment doesn't answer to."""
    host = fields.get(b"host")
    if host is None:
        if http_1_1 or allowed_hosts:
            raise Refused(BAD_HOST, closes=True)
    elif host.find(b",") >= 0 or (not host and http_1_1):  # find: bytes.__contains__ tries an int first
        raise Refused(BAD_HOST, closes=True)
    elif allowed_hosts:
        name = host.lower() if host.endswith(b"]") else host.lower().rsplit(b":", 1)[0]
        if name not in allowed_hosts:
            raise Refused(BAD_HOST, closes=True)


def check_expectation(fields: Fields, http_1_1: bool) -> bool:
    """Whether a client that expects something waits for '100 Continue'; 417 where it is something else."""
    if not http_1_1:
        return False
    if fields[b"expect"].lower() != b"100-continue":
        raise Refused(NO_SUCH_EXPECTATION, closes=True)
    return True


def check_sender(gateway: Gateway, fields: Fields) -> Claims:
    """503 when no more is taken, then 401: who sends this."""
    reason = gateway.admission.refuses()
    if reason is not None:
        raise Refused(unavailable(reason))
    authorization = fields.get(b"authorization")
    if authorization is None:
        raise Refused(MISSING_TOKEN)
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token or token.find(b" ") >= 0:
        raise Refused(BAD_TOKEN_FORMAT)
    try:
        return gateway.verifier.verify(token, gateway.time())
    except InvalidToken:
        raise Refused(BAD_TOKEN) from None


def check_content(fields: Fields, most: int) -> int | None:
    """415, then 413: what kind of body is announced. Returns its length; None when it comes in chunks."""
    kind = fields.get(b"content-type", b"")
    if (kind != _JSON and not _JSON_WITH_PARAMETERS.match(kind)) or b"content-encoding" in fields:
        raise Refused(NOT_JSON)
    return check_length(fields, most)


def check_length(fields: Fields, most: int) -> int | None:
    """413 for an announced body of more than ``most`` bytes; 400 for a transfer coding that isn't chunked."""
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        if coding.lower() != b"chunked":
            raise Refused(BROKEN_HTTP, closes=True)
        return None
    length = fields.get(b"content-length")
    if length is None:
        return 0
    if len(length) > 18 or (size := int(length)) > most:
        raise Refused(TOO_LARGE, closes=True)
    return size


def check_sent_at(fields: Fields) -> bytes | None:
    """422: the attempt's own time has to be RFC 3339 with an offset, as report times have."""
    sent_at = fields.get(b"eight-bells-sent-at")
    if sent_at is None:
        return None
    try:
        # No backslash: the JSON decoder would read an escape, which whoever reads the record does not.
        if sent_at.find(b"\\") < 0 and FIRST_YEAR <= _read_time(b'"' + sent_at + b'"').year <= LAST_YEAR:
            return sent_at
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise Refused(wrong_envelope("`Eight-Bells-Sent-At` is not a time of RFC 3339 with its offset."))


def sender_headers(claims: Claims, sent_at: bytes, traceparent: bytes | None) -> list[tuple[str, bytes]]:
    """The record headers that say who sent a report and when; a malformed ``traceparent`` is left out."""
    headers = [
        (HEADER_USER_ID, claims.userId.encode()),
        (HEADER_ROLE, claims.role.encode()),
        (HEADER_SENT_AT, sent_at),
    ]
    if traceparent is not None and _TRACEPARENT.match(traceparent):
        headers.append((HEADER_TRACEPARENT, traceparent))
    return headers


def read_report(body: bytes) -> Report:
    """400, then 422: the body is a report."""
    try:
        return decode_report(body)
    except MalformedJson as error:
        raise Refused(malformed_json(str(error))) from None
    except WrongEnvelope as error:
        raise Refused(wrong_envelope(str(error))) from None


def check_scope(claims: Claims, report: Report) -> None:
    """403: a patient sends for itself, in its study; a doctor says why. Which patients, the worker judges."""
    if claims.role == "patient":
        if report.patientId != claims.patientId or report.studyId not in (None, claims.studyId):
            raise Refused(FOREIGN_PATIENT)
    elif claims.role != "doctor" or report.onBehalfReason is None:
        raise Refused(FOREIGN_PATIENT)


def check_rate(gateway: Gateway, claims: Claims, report: Report) -> None:
    """429: patients by what they send, staff by what they send for anybody; none uses up another's."""
    if claims.role == "patient":
        wait = gateway.patients.take(report.patientId, gateway.coarse.now)
    else:
        wait = gateway.staff.take(claims.userId, gateway.coarse.now)
    if wait:
        raise Refused(too_many(wait))
