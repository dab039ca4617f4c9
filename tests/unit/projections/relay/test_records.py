import json
from collections import Counter
from datetime import UTC, datetime

import msgspec
import orjson
import pytest

from ingest_gateway.contracts.report import Report
from ingest_gateway.contracts.topics import ALERTS, EVENTS, SEALS
from projections.relay.records import Topics, event_records, seal_records
from projections.store import Arrival, Entry, Outcome
from projections.store.events import batch_events
from projections.store.placing import Placed
from projections.store.visits import Changes

EVENT = {
    "id": "e-1",
    "type": "visit.completed",
    "studyId": "EB-TEST",
    "siteId": "S-01",
    "patientId": "受试者-七",
    "at": "2026-11-22T00:00:00Z",
    "data": {"visitId": "V-1"},
}


def test_an_event_becomes_a_record_of_its_patients_partition_with_cloudevents_names() -> None:
    [record] = event_records(json.dumps([EVENT]), Topics(), len)
    assert (record.topic, record.partition, record.key) == (EVENTS, 5, "受试者-七".encode())
    assert json.loads(record.value) == EVENT
    headers = dict(record.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == b"e-1"
    assert headers["ce_type"] == b"visit.completed"
    assert headers["ce_source"] == b"/studies/EB-TEST"
    assert headers["ce_time"] == b"2026-11-22T00:00:00Z"


def test_events_keep_their_order_and_alerts_go_to_their_own_topic_too() -> None:
    events = [EVENT | {"id": "e-1"}, EVENT | {"id": "e-2", "type": "alert.raised"}, EVENT | {"id": "e-3"}]
    records = list(event_records(json.dumps(events), Topics(), len))
    assert [(record.topic, json.loads(record.value)["id"]) for record in records] == [
        (EVENTS, "e-1"),
        (EVENTS, "e-2"),
        (ALERTS, "e-2"),
        (EVENTS, "e-3"),
    ]


@pytest.mark.parametrize(("patient_id", "reason"), [("P-stranger", "unknown_patient"), (None, "unreadable")])
def test_the_quarantine_of_what_belongs_to_nobody_is_published_without_a_key(
    patient_id: str | None, reason: str
) -> None:
    report = patient_id and msgspec.convert(
        {
            "reportId": "0192f0c1-7b3a-7cc0-8000-0123456789ab",
            "patientId": patient_id,
            "instrument": "diary",
            "instrumentVersion": "1",
            "recordedAt": "2026-11-22T08:00:00Z",
            "timeZone": "UTC",
            "answers": {},
        },
        Report,
    )
    entry = Entry(Arrival(3, 14, datetime(2026, 11, 22, tzinfo=UTC), report=report or None), reason)
    nothing = Placed(Changes({}, Counter(), Counter(), Counter()), [], [])
    events = batch_events(1, [(entry, Outcome("quarantined", reason))], nothing)
    text = orjson.dumps(events, option=orjson.OPT_UTC_Z).decode()
    [record] = event_records(text, Topics(), len)
    assert (record.topic, record.partition, record.key) == (EVENTS, 0, None)
    assert json.loads(record.value) == json.loads(text)[0]
    assert dict(record.headers)["ce_source"] == b"/studies"


def test_only_alerts_go_to_the_alerts_topic() -> None:
    kinds = ["alert.raised", "alert.acknowledged", "alert.assessed", "alert.closed", "adverse_event.reported"]
    events = [EVENT | {"id": kind, "type": kind} for kind in kinds]
    records = event_records(json.dumps(events), Topics(), len)
    assert [json.loads(record.value)["id"] for record in records if record.topic == ALERTS] == kinds[:-1]


def test_an_event_of_another_shape_is_not_published() -> None:
    with pytest.raises(msgspec.ValidationError):
        list(event_records(json.dumps([EVENT | {"answers": {"pain": 3}}]), Topics(), len))


def test_a_seal_head_goes_under_its_partition() -> None:
    head = {"partition": 7, "firstOffset": 1, "lastOffset": 2, "seal": "ab"}
    [record] = seal_records(json.dumps([head]), Topics())
    assert (record.topic, record.partition, record.key) == (SEALS, 0, b"7")
    assert json.loads(record.value) == head
