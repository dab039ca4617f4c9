"""What makes a report readable, and what a reader says of one that isn't."""

import pytest

from ingest_gateway.contracts.report import MalformedJson, Report, WrongEnvelope, decode_report

REPORT = (
    b'{"reportId":"0192F0C1-7b3a-7cc0-8000-0123456789ab","patientId":"P-000123","visitId":"V-0042",'
    b'"instrument":"daily-symptoms","instrumentVersion":"1.0","recordedAt":"2026-11-22T08:00:03+08:00",'
    b'"timeZone":"Asia/Shanghai","deviceId":"d-7f3a","sequence":41,'
    b'"answers":{"pain":3,"temperature":36.8,"where":["head"],"note":"-","other":null,"sure":true}}'
)


def changed(old: bytes, new: bytes) -> bytes:
    assert REPORT.count(old) == 1
    return REPORT.replace(old, new)


def test_a_report_is_read_with_its_id_in_lower_case() -> None:
    report = decode_report(REPORT)
    assert isinstance(report, Report)
    assert report.report_id == "0192f0c1-7b3a-7cc0-8000-0123456789ab"
    assert report.answers["where"] == ["head"]


def test_of_a_repeated_key_the_last_value_counts_at_every_stage() -> None:
    assert decode_report(changed(b'"pain":3', b'"pain":3,"pain":9')).answers["pain"] == 9


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf" + REPORT,
        REPORT.decode().encode("utf-16"),
        REPORT[:-1],
        REPORT + b" x",
        changed(b"36.8", b"NaN"),
        changed(b"36.8", b"-Infinity"),
        changed(b'"-"', b'"\\ud800"'),
        changed(b'"-"', b'"\\ud800 and more text after it"'),
        changed(b'"-"', b'"\xff"'),
        changed(b'"visitId"', b'"unknown":NaN,"visitId"'),
    ],
)
def test_bytes_that_are_no_json_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        decode_report(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        changed(b'"visitId"', b'"unknown":1,"visitId"'),
        changed(b"36.8", b"1e400"),
        changed(b"36.8", b"1" * 5000),
        changed(b"36.8", b"{}"),
        changed(b"36.8", b"[" * 10_000 + b"]" * 10_000),
        changed(b'"-"', b'"\\u0000"'),
        changed(b'"pain"', b'"\\u0000"'),
        changed(b'["head"]', b'["\\u0000"]'),
        changed(b"41", b'"41"'),
        changed(b"41", b"0"),
        changed(b"41", b"1.5"),
        changed(b"0192F0C1-", b"0192F0C1"),
        changed(b"2026-11", b"2026-13"),
        changed(b"2026-11", b"0001-11"),
        changed(b"2026-11", b"9999-11"),
        changed(b"+08:00", b""),
        changed(b"Asia/Shanghai", b"Asia/Nowhere"),
        changed(b"Asia/Shanghai", b"../../etc/passwd"),
        changed(b'"P-000123"', b'""'),
        changed(b'"visitId"', b'"amends":"0192f0c1-7b3a-7cc0-8000-0123456789AB","visitId"'),
        changed(b'"answers":{', b'"answers":{' + b",".join(b'"q%d":1' % one for one in range(200)) + b","),
    ],
)
def test_json_that_is_no_report_is_the_wrong_envelope(body: bytes) -> None:
    with pytest.raises(WrongEnvelope):
        decode_report(body)


@pytest.mark.parametrize("field", [b"secret answer", b"x" * 41, b"\\u003cscript>"])
def test_a_message_repeats_no_more_than_a_plain_field_name(field: bytes) -> None:
    with pytest.raises(WrongEnvelope) as refusal:
        decode_report(changed(b'"visitId"', b'"' + field + b'":1,"visitId"'))
    assert field.decode() not in str(refusal.value)
    with pytest.raises(WrongEnvelope, match="`painLevel`"):
        decode_report(changed(b'"visitId"', b'"painLevel":1,"visitId"'))


def test_a_written_backslash_before_u0000_is_text_like_any_other() -> None:
    assert decode_report(changed(b'"-"', b'"\\\\u0000"')).answers["note"] == "\\u0000"
