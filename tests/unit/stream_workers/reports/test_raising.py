"""Which entries raise alerts: those of enrolled patients, whatever becomes of the report."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest_gateway.contracts.report import Report
from projections.store import Arrival, Patient, Staff
from stream_workers.reports.instruments import read_instrument
from stream_workers.reports.validate import Snapshot, judge, stripped

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
INSTRUMENT = read_instrument(
    '{"items": [{"id": "pain", "type": "integer", "min": 0, "max": 10}],'
    ' "alerts": [{"id": "severe-pain", "item": "pain", "comparison": ">=", "value": 9, "level": "urgent"}]}'
)
SNAPSHOT = Snapshot(
    {"P-1": Patient("u-P-1", "S", "S-01", "Asia/Shanghai", NOW - timedelta(days=9), NOW + timedelta(days=1))},
    {"dr": Staff("doctor", frozenset({"S-02"}), disabled=False)},
    {("S", "diary", "1"): INSTRUMENT},
)


def arrival(
    trouble: str | None = None, user: str = "u-P-1", role: str = "patient", **changes: object
) -> Arrival:
    fields: dict[str, object] = {
        "reportId": "0192f0c1-7b3a-7cc0-8000-0123456789ab",
        "patientId": "P-1",
        "instrument": "diary",
        "instrumentVersion": "1",
        "recordedAt": NOW,
        "timeZone": "Asia/Shanghai",
        "answers": {"pain": 9},
        **changes,
    }
    report = Report(**fields)  # type: ignore[arg-type]
    return Arrival(3, 7, NOW, report=report, trouble=trouble, user_id=user, role=role, sent_at=NOW)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (arrival(), None),
        (arrival(recordedAt=NOW - timedelta(days=30)), "outside_consent"),
        (arrival(studyId="T"), "out_of_scope"),
        (arrival(user="dr", role="doctor", onBehalfReason="by phone"), "out_of_scope"),
        (arrival(trouble="misrouted"), "misrouted"),
        (arrival(trouble="unattributed", user="", role=""), "unattributed"),
    ],
)
def test_a_readable_report_of_an_enrolled_patient_raises_whatever_becomes_of_it(
    one: Arrival, reason: str | None
) -> None:
    entry = judge(one, SNAPSHOT)
    assert entry.reason == reason
    assert entry.raised is not None
    assert [rule.id for rule in entry.raised.rules] == ["severe-pain"]
    assert entry.raised.patient.site_id == "S-01"


@pytest.mark.parametrize(
    "one",
    [
        arrival(answers={"pain": 8}),
        arrival(answers={}),
        arrival(answers={"pain": "9"}),
        arrival(patientId="P-2"),
        arrival(trouble="unattributed", patientId="P-2"),
        arrival(instrument="other"),
        arrival(instrumentVersion="2"),
        arrival(trouble="misrouted", instrument="other"),
        Arrival(3, 7, NOW, value=b"{", trouble="unreadable"),
        Arrival(3, 7, NOW, gap_until=9),
    ],
)
def test_everything_else_raises_nothing(one: Arrival) -> None:
    assert judge(one, SNAPSHOT).raised is None


def test_a_record_that_postgres_refuses_raises_nothing() -> None:
    assert stripped(arrival()).raised is None
