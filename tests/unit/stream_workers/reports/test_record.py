from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.contracts.partitioning import partition_for
from stream_workers.reports.record import Header, RecordReader, read_sender

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
GATEWAYS = [("userId", b"u-1"), ("role", b"patient"), ("sentAt", b"2026-11-22T08:00:00Z")]
REPORT = orjson.dumps(
    {
        "reportId": "0192f0c1-7b3a-7cc0-8000-0123456789ab",
        "patientId": "P-1",
        "instrument": "diary",
        "instrumentVersion": "1",
        "recordedAt": "2026-11-22T08:00:03+08:00",
        "timeZone": "Asia/Shanghai",
        "answers": {},
    }
)
HOME = partition_for("P-1", 12)


@dataclass
class Raw:
    value: bytes | None = REPORT
    key: bytes | None = b"P-1"
    headers: Sequence[Header] = field(default_factory=lambda: list(GATEWAYS))
    partition: int = HOME
    offset: int = 7
    timestamp: int = 1_795_305_603_141


def reader() -> RecordReader:
    return RecordReader(12, lambda: NOW)


def test_a_gateways_record_has_no_trouble_and_leaves_nothing_to_keep() -> None:
    arrival = reader().read(Raw())
    assert (arrival.trouble, arrival.record_key, arrival.headers) == (None, None, None)
    assert (arrival.user_id, arrival.role, arrival.sent_at) == ("u-1", "patient", NOW)
    assert arrival.received_at == datetime(2026, 11, 22, 0, 0, 3, 141000, tzinfo=UTC)


def test_a_trace_is_the_gateways_too_and_anything_else_is_kept() -> None:
    assert read_sender([*GATEWAYS, ("traceparent", b"00-1")]).as_gateway_writes
    sender = read_sender([*GATEWAYS, ("x", b"1")])
    assert sender.known
    assert not sender.as_gateway_writes


@pytest.mark.parametrize(
    ("raw", "trouble"),
    [
        (Raw(value=None), "unreadable"),
        (Raw(value=b"{"), "unreadable"),
        (Raw(value=b" " * 64 * 1024 + REPORT), "unreadable"),
        (Raw(headers=[]), "unattributed"),
        (Raw(headers=GATEWAYS[1:]), "unattributed"),
        (Raw(headers=[*GATEWAYS, GATEWAYS[0]]), "unattributed"),
        (Raw(headers=[("userId", b"u"), ("role", b"Patient")]), "unattributed"),
        (Raw(headers=[("userId", None), ("role", b"patient")]), "unattributed"),
        (Raw(key=None), "misrouted"),
        (Raw(key=b"p-1"), "misrouted"),
        (Raw(partition=(HOME + 1) % 12), "misrouted"),
    ],
)
def test_trouble_is_named_in_the_order_of_trust(raw: Raw, trouble: str) -> None:
    assert reader().read(raw).trouble == trouble


@pytest.mark.parametrize("timestamp", [-1, 2**62, -(2**62), 253402300800000])
def test_a_record_without_a_usable_time_gets_ours(timestamp: int) -> None:
    assert reader().read(Raw(timestamp=timestamp)).received_at == NOW


@given(
    st.none() | st.binary(),
    st.none() | st.binary(),
    st.lists(st.tuples(st.text() | st.sampled_from(["userId", "role", "sentAt"]), st.none() | st.binary())),
    st.integers(-(2**63), 2**63 - 1),
)
def test_whatever_a_record_holds_it_can_be_read_and_written_to_postgres(
    value: bytes | None, key: bytes | None, headers: list[Header], timestamp: int
) -> None:
    arrival = reader().read(Raw(value, key, headers, timestamp=timestamp))
    for text in (arrival.user_id, arrival.role, arrival.headers):
        assert text is None or "\0" not in text
    assert arrival.headers is None or orjson.loads(arrival.headers) is not None
