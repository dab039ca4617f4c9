"""Many reports in one request: each is checked, published and answered on its own, in the order they came."""

import hashlib
from collections.abc import Sequence

import msgspec

from ingest_gateway import responses
from ingest_gateway.contracts.report import MAX_BATCH_REPORTS, MAX_REPORT_BYTES
from ingest_gateway.reports import BodyExchange, publish, unpublished_response
from ingest_gateway.request import (
    check_rate,
    check_scope,
    check_sent_at,
    read_report,
    sender_headers,
)
from ingest_gateway.responses import (
    TOO_LARGE,
    Refused,
    json_response,
    malformed_json,
    unavailable,
    wrong_envelope,
)
from ingest_gateway.slices import slice_reports


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    reports: list[msgspec.Raw]


_decode = msgspec.json.Decoder(_Envelope).decode


class _Element:
    """One report of a batch, waiting for its outcome."""

    __slots__ = ("_batch", "_index", "_report_id", "_sha256")

    def __init__(self, batch: "BatchExchange", index: int, report_id: bytes, sha256: bytes) -> None:
        self._batch = batch
        self._index = index
        self._report_id = report_id
        self._sha256 = sha256

    def published(self, partition: int, offset: int | None, received_at: bytes) -> None:
        body = responses.accepted_body(self._report_id, self._sha256, partition, offset, received_at)
        self._batch.settle(self._index, 202, body)

    def unpublished(self, *, maybe: bool) -> None:
        response = unpublished_response(maybe=maybe)
        self._batch.settle(self._index, response.status, response.body)


class BatchExchange(BodyExchange):
    """POST /api/v1/reports:batch. 207 with ``{"results":[{"status","body"}]}``.

    ``body`` is what the same report would have been answered alone, under its ``status``.
    """

    __slots__ = ("_open", "_results")

    def complete(self) -> None:
        """Refuse the batch as a whole only where it is no batch; every other outcome is its report's own."""
        self.finish()
        body = self._body()
        elements = _elements(body)
        sent_at = check_sent_at(self._fields) or self.gateway.now_rfc3339()
        headers = sender_headers(self.claims, sent_at, self._fields.get(b"traceparent"))
        self.abandon()
        self._results: list[bytes] = [b""] * len(elements)
        self._open = len(elements)
        if not elements:
            self._answer()
        for index, element in enumerate(elements):
            try:
                self._publish(index, element, headers)
            except Refused as refused:
                self.settle(index, refused.response.status, refused.response.body)

    def settle(self, index: int, status: int, body: bytes) -> None:
        """One report's outcome; the last one answers the request."""
        self._results[index] = b'{"status":%d,"body":%b}' % (status, body)
        self.gateway.metrics.answers[status] += 1
        self._open -= 1
        if self._open == 0:
            self._answer()

    def _publish(self, index: int, body: bytes, headers: list[tuple[str, bytes]]) -> None:
        gateway = self.gateway
        reason = gateway.admission.refuses()
        if reason is not None:
            raise Refused(unavailable(reason))
        if len(body) > MAX_REPORT_BYTES:
            raise Refused(TOO_LARGE)
        report = read_report(body)
        check_scope(self.claims, report)
        check_rate(gateway, self.claims, report)
        gateway.admission.reserve(len(body))
        sha256 = hashlib.sha256(body).hexdigest().encode()
        publish(gateway, report, body, headers, _Element(self, index, report.report_id.encode(), sha256))

    def _answer(self) -> None:
        self.connection.answer(self, json_response(207, b'{"results":[%b]}' % b",".join(self._results)))


def _elements(body: bytes) -> list[bytes]:
    """The exact bytes of each report, in order."""
    reports: Sequence[bytes | msgspec.Raw] | None
    try:
        reports = _decode(body).reports
    except msgspec.ValidationError:
        detail = f'The body is not {{"reports": […]}} with at most {MAX_BATCH_REPORTS} reports.'
        raise Refused(wrong_envelope(detail)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        reports = slice_reports(
            body
        )  # half an emoji, NaN: that report's own error, where it can be told apart
        if reports is None:
            raise Refused(malformed_json("The body is not valid JSON in UTF-8.")) from None
    if len(reports) > MAX_BATCH_REPORTS:
        raise Refused(wrong_envelope(f"A batch holds at most {MAX_BATCH_REPORTS} reports."))
    return [bytes(report) for report in reports]
