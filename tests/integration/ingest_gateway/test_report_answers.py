"""Which status a report gets, in the contract's order of checks, and what is kept of it."""

import hashlib

import msgspec
import pytest

from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.receipt import Accepted
from tests.gateways import FakeKafka, RunningGateway, bearer, report, request


async def test_the_receipt_says_where_the_bytes_lie(gateway: RunningGateway, kafka: FakeKafka) -> None:
    body = b" " + report(reportId="0192F0C1-7B3A-7CC0-8000-0123456789AB") + b"\n"
    answer = await gateway.ask(request(body))
    accepted = msgspec.json.decode(answer.body, type=Accepted, strict=True)
    assert accepted.reportId == "0192f0c1-7b3a-7cc0-8000-0123456789ab"
    assert accepted.receipt.sha256 == hashlib.sha256(body).hexdigest()
    assert accepted.receipt.partition == partition_for("P-000001", 12)
    assert accepted.receipt.offset is not None
    assert kafka.records[accepted.receipt.partition][accepted.receipt.offset].value == body


async def test_who_sent_it_travels_with_it(gateway: RunningGateway, kafka: FakeKafka) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = {"eight_bells_sent_at": "2026-11-22T08:00:05+08:00", "traceparent": trace}
    await gateway.ask(request(report(), **sent))
    [record] = [record for log in kafka.records for record in log]
    assert record.key == b"P-000001"
    assert dict(record.headers) == {
        "userId": b"u-P-000001",
        "role": b"patient",
        "sentAt": b"2026-11-22T08:00:05+08:00",
        "traceparent": trace.encode(),
    }


async def test_without_a_sent_at_the_gateways_own_time_is_kept(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    await gateway.ask(request(report(), traceparent="nonsense"))
    [record] = [record for log in kafka.records for record in log]
    headers = dict(record.headers)
    assert headers["sentAt"].startswith(b"20")
    assert "traceparent" not in headers


@pytest.mark.parametrize(
    "sent_at",
    ["yesterday", "2026-11-22T08:00:05", "1999-01-01T00:00:00Z", '"', "é", r"\u0032026-11-22T08:00:05Z"],
)
async def test_a_sent_at_that_is_no_time_is_refused(gateway: RunningGateway, sent_at: str) -> None:
    answer = await gateway.ask(request(report(), eight_bells_sent_at=sent_at))
    assert answer.status == 422


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("Bearer", "Invalid token format"),
        ("Bearer ", "Invalid token format"),
        ("", "Invalid token format"),
        ("Basic dXNlcjpwYXNz", "Invalid token format"),
        ("Bearer a b", "Invalid token format"),
        ("Bearer  a", "Invalid token format"),
        ("Bearer a", "Invalid token"),
        ("bearer a.b.c", "Invalid token"),
        ("Bearer \xff", "Invalid token"),
    ],
)
async def test_each_kind_of_wrong_token_has_its_error(
    gateway: RunningGateway, authorization: str, error: str
) -> None:
    raw = request(report(), authorization="TOKEN").replace(b"TOKEN", authorization.encode("latin-1"))
    answer = await gateway.ask(raw)
    assert answer.status == 401
    assert answer.error == error
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_two_authorization_headers_are_no_token(gateway: RunningGateway) -> None:
    twice = request(report()).replace(b"Host:", f"Authorization: {bearer()}\r\nHost:".encode(), 1)
    assert (await gateway.ask(twice)).error == "Invalid token format"


async def test_the_scheme_may_be_written_in_any_case(gateway: RunningGateway) -> None:
    assert (
        await gateway.ask(request(report(), authorization=bearer().replace("Bearer", "bEARER")))
    ).status == 202


WRONG = {
    "not JSON": (b"{", 400),
    "empty": (b"", 400),
    "NaN": (report().replace(b'"pain":3', b'"pain":NaN'), 400),
    "Infinity": (report().replace(b'"pain":3', b'"pain":-Infinity'), 400),
    "lone surrogate": (report().replace(b'"pain":3', rb'"pain":"\ud800"'), 400),
    "lone surrogate as a key": (report().replace(b'"pain"', rb'"\udfff"'), 400),
    "invalid UTF-8": (report().replace(b'"pain":3', b'"pain":"\xff"'), 400),
    "UTF-16": (report().decode().encode("utf-16"), 400),
    "BOM": (b"\xef\xbb\xbf" + report(), 400),
    "two documents": (report() + report(), 400),
    "1e400": (report().replace(b'"pain":3', b'"pain":1e400'), 422),
    "NUL": (report().replace(b'"pain":3', rb'"pain":"\u0000"'), 422),
    "unknown field": (report(admin=True), 422),
    "number as string": (report(sequence="41"), 422),
    "negative sequence": (report(sequence=-1), 422),
    "bad UUID": (report(reportId="7"), 422),
    "no patient": (report(patientId=""), 422),
    "year 1": (report(recordedAt="0001-01-01T00:00:00Z"), 422),
    "year 9999": (report(recordedAt="9999-12-31T00:00:00Z"), 422),
    "naive time": (report(recordedAt="2026-11-22T08:00:03"), 422),
    "bad zone": (report(timeZone="Mars/Olympus"), 422),
    "no answers": (report(answers=None), 422),
    "201 answers": (report(answers={f"a{n}": n for n in range(201)}), 422),
    "nested answer": (report(answers={"pain": {"deep": 1}}), 422),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "foreign patient": (report("P-000002"), 403),
    "foreign study": (report(studyId="OTHER"), 403),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_wrong_body_gets_its_status_and_is_not_kept(
    gateway: RunningGateway, kafka: FakeKafka, kind: str
) -> None:
    body, status = WRONG[kind]
    answer = await gateway.ask(request(body))
    assert answer.status == status
    assert answer.error
    assert kafka.values() == []
    assert (gateway.gateway.admission.reports, gateway.gateway.admission.bytes) == (0, 0)


@pytest.mark.parametrize(
    "nested", [b"[" * 10_000 + b"]" * 10_000, b'{"answers":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001]
)
async def test_deep_nesting_is_refused(gateway: RunningGateway, nested: bytes) -> None:
    assert (await gateway.ask(request(nested))).status in (400, 422)


async def test_a_huge_integer_is_refused(gateway: RunningGateway) -> None:
    huge = report().replace(b'"pain":3', b'"pain":' + b"9" * 5000)
    assert 400 <= (await gateway.ask(request(huge))).status < 500


async def test_no_error_repeats_what_was_sent(gateway: RunningGateway) -> None:
    for body in (report(answers={"secret-item": {"a": 1}}), report()[:-1] + b',"<script>":1}', b'{"secret'):
        answer = await gateway.ask(request(body))
        assert b"secret" not in answer.body
        assert b"<script>" not in answer.body


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "", "application/jsonp", "application/json; charset=latin-1", "multipart/form-data"],
)
async def test_only_json_is_taken(gateway: RunningGateway, kind: str) -> None:
    assert (await gateway.ask(request(report(), content_type=kind))).status == 415


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_may_say_that_it_is_utf_8(gateway: RunningGateway, kind: str) -> None:
    assert (await gateway.ask(request(report(), content_type=kind))).status == 202


@pytest.mark.parametrize("coding", ["gzip", "br", "identity", "gzip, gzip"])
async def test_an_encoded_body_is_refused(gateway: RunningGateway, coding: str) -> None:
    assert (await gateway.ask(request(report(), content_encoding=coding))).status == 415


async def test_a_refused_request_leaves_its_connection_usable(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    refused = (
        request(report(), authorization="Bearer x") + request(b"{") + request(report(), content_type="x/y")
    )
    await wire.send(refused + request(report()))
    assert [(await wire.answer()).status for _ in range(4)] == [401, 400, 415, 202]


async def test_checks_run_in_the_contracts_order(gateway: RunningGateway) -> None:
    everything: dict[str, str] = {
        "x_long": "x" * 17_000,
        "authorization": "Bearer x",
        "content_type": "text/plain",
        "content_length": "99999999",
    }
    body = report("P-000002", admin=True)[:-1]
    gateway.gateway.admission.closed_because = "busy"
    seen = []
    for repaired in ("x_long", "busy", "authorization", "content_type", "content_length", None):
        seen.append((await gateway.ask(request(body, **everything))).status)
        if repaired == "busy":
            gateway.gateway.admission.closed_because = None
        elif repaired is not None:
            del everything[repaired]
    assert seen == [431, 503, 401, 415, 413, 400]
    assert (await gateway.ask(request(report("P-000002", admin=True)))).status == 422
    assert (await gateway.ask(request(report("P-000002")))).status == 403


@pytest.mark.parametrize(
    ("role", "reason", "status"),
    [("doctor", "patient cannot read", 202), ("doctor", None, 403), ("admin", "because", 403)],
)
async def test_staff_send_for_a_patient_with_a_reason(
    gateway: RunningGateway, kafka: FakeKafka, role: str, reason: str | None, status: int
) -> None:
    token = bearer("dr.chen", "doctor" if role == "doctor" else "admin", sites=("S-01",))
    body = report(**({"onBehalfReason": reason} if reason else {}))
    assert (await gateway.ask(request(body, authorization=token))).status == status
    assert len(kafka.values()) == (status == 202)


async def test_a_receipt_without_an_offset_says_null(gateway: RunningGateway, kafka: FakeKafka) -> None:
    kafka.without_offsets = True
    answer = await gateway.ask(request(report()))
    assert answer.status == 202
    assert msgspec.json.decode(answer.body, type=Accepted).receipt.offset is None
