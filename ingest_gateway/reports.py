"""One report's request: its body is read and checked, the report published, the receipt answered."""

import hashlib
from typing import TYPE_CHECKING

from ingest_gateway import responses
from ingest_gateway.auth.tokens import Claims
from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.report import Report
from ingest_gateway.exchange import Exchange
from ingest_gateway.gateway import Gateway
from ingest_gateway.producer import Record
from ingest_gateway.publisher import Waiter
from ingest_gateway.request import (
    Fields,
    check_rate,
    check_scope,
    check_sent_at,
    read_report,
    sender_headers,
)
from ingest_gateway.responses import TOO_LARGE, Refused, too_many

if TYPE_CHECKING:
    from ingest_gateway.connection import OrderedConnection


class BodyExchange(Exchange):
    """A request by a known sender whose body is gathered; its bytes are reserved with admission meanwhile."""

    __slots__ = ("_chunks", "_fields", "_most", "_reserved", "_size", "_unfinished", "claims", "gateway")

    def __init__(
        self,
        connection: "OrderedConnection",
        fields: Fields,
        claims: Claims,
        length: int | None,
        most: int,
        closes: bool,
        extra: bytes,
    ) -> None:
        self.connection = connection
        self.closes = closes
        self.extra = extra
        self.lingers = False
        self.wants_continue = False
        self.response = None
        self.gateway = gateway = connection.gateway
        self.claims = claims
        self._fields = fields
        self._most = most
        self._chunks: list[bytes] = []
        self._size = 0
        self._unfinished = -1
        self._reserved = most if length is None else length
        gateway.admission.reserve(self._reserved)

    def take(self, data: bytes) -> None:
        """413 once the body is larger than was announced or allowed."""
        self._size += len(data)
        if self._size > self._most:
            raise Refused(TOO_LARGE, closes=True)
        self._chunks.append(data)

    def await_rest(self) -> None:
        """429 where this sender lets us wait for too much already: what is reserved is kept from others."""
        if self._unfinished < 0:
            if not self.gateway.unfinished.begin(self.claims.userId, self._reserved):
                raise Refused(too_many(self.gateway.limits.body_timeout), closes=True)
            self._unfinished = self._reserved

    def finish(self) -> None:
        """No more of the body is awaited."""
        if self._unfinished >= 0:
            self.gateway.unfinished.end(self.claims.userId, self._unfinished)
            self._unfinished = -1

    def abandon(self) -> None:
        """Release what was reserved."""
        self.finish()
        if self._reserved >= 0:
            self.gateway.admission.release(1, self._reserved)
            self._reserved = -1

    def first_in_line(self) -> None:
        """Ask for the body, where the client waits to be asked."""
        if self.wants_continue and self._reserved >= 0:
            self.wants_continue = False
            self.connection.transport.write(responses.CONTINUE)

    def _body(self) -> bytes:
        chunks = self._chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class ReportExchange(BodyExchange):
    """POST /api/v1/reports."""

    __slots__ = ("_report_id", "_sha256")

    def complete(self) -> None:
        """Check the report and publish it; ``published`` or ``unpublished`` answers."""
        gateway, claims, fields = self.gateway, self.claims, self._fields
        if self._unfinished >= 0:
            self.finish()
        body = self._body()
        report = read_report(body)
        sent_at = check_sent_at(fields) or gateway.now_rfc3339()
        check_scope(claims, report)
        check_rate(gateway, claims, report)
        self._report_id = report.reportId.lower().encode()
        self._sha256 = hashlib.sha256(body).hexdigest().encode()
        headers = sender_headers(claims, sent_at, fields.get(b"traceparent"))
        # From here on the publisher releases the reservation, of exactly the body's size.
        if self._reserved != len(body):
            gateway.admission.release(0, self._reserved - len(body))
        self._reserved = -1
        publish(gateway, report, body, headers, self)

    def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
        """202."""
        body = responses.accepted_body(self._report_id, self._sha256, partition, offset, received_at)
        self.connection.answer(self, responses.accepted(body))

    def unpublished(self, *, maybe: bool) -> None:
        """503."""
        self.connection.answer(self, unpublished_response(maybe=maybe))


def publish(
    gateway: Gateway,
    report: Report,
    body: bytes,
    headers: list[tuple[str, bytes]],
    waiter: Waiter,
) -> None:
    """Queue a report for its patient's partition."""
    partition = partition_for(report.patientId, gateway.partitions)
    gateway.publisher.publish(partition, Record(report.patientId.encode(), body, headers), waiter)


def unpublished_response(*, maybe: bool) -> responses.Response:
    """503: whether the same bytes have to be sent again because of doubt, or simply."""
    if maybe:
        return responses.outcome_unknown()
    return responses.unavailable("Kafka cannot be reached; nothing was kept.")
