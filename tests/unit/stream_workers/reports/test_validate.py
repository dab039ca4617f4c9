from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest_gateway.contracts.report import Report
from projections.store import Arrival, Entry, Patient, Staff
from stream_workers.reports.instruments import read_instrument
from stream_workers.reports.validate import Snapshot, judge, stripped

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
ID = "0192F0C1-7b3a-7cc0-8000-0123456789ab"
DIARY = read_instrument('{"items":[{"id":"pain","type":"integer","min":0,"max":10}],"respondents":["self"]}')
PATIENT = Patient("u-1", "S", "S-1", "Asia/Shanghai", NOW - timedelta(days=9), NOW + timedelta(days=9))
SNAPSHOT = Snapshot(
    {"P-1": PATIENT},
    {
        "dr-1": Staff("doctor", frozenset({"S-1"}), disabled=False),
        "dr-2": Staff("doctor", frozenset({"S-2"}), disabled=False),
        "dr-gone": Staff("doctor", frozenset({"S-1"}), disabled=True),
        "odd": Staff("patient", frozenset({"S-1"}), disabled=False),
    },
    {("S", "diary", "1"): DIARY},
)


def judged(role: str = "patient", user_id: str = "u-1", **changes: Any) -> Entry:  # noqa: ANN401
    fields = {
        "reportId": ID,
        "patientId": "P-1",
        "instrument": "diary",
        "instrumentVersion": "1",
        "recordedAt": NOW,
        "timeZone": "Asia/Shanghai",
        "answers": {"pain": 3},
        **changes,
    }
    return judge(Arrival(3, 7, NOW, b"hash", b"bytes", Report(**fields), None, user_id, role, NOW), SNAPSHOT)


def test_a_good_report_claims_its_identity_in_lower_case_and_has_no_flags() -> None:
    entry = judged()
    assert (entry.reason, entry.identity, entry.attempt) == (None, ("P-1", ID.lower()), None)
    assert (entry.patient, entry.recorded_at, entry.flags) == (PATIENT, NOW, None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"studyId": "T"}, "out_of_scope"),
        ({"instrument": "tarot"}, "unknown_instrument"),
        ({"instrumentVersion": "2"}, "unknown_instrument"),
        ({"recordedAt": NOW - timedelta(days=10)}, "outside_consent"),
        ({"patientId": "P-2"}, "unknown_patient"),
    ],
)
def test_what_the_patients_own_report_lacks_costs_it_no_identity(
    changes: dict[str, Any], reason: str
) -> None:
    entry = judged(**changes)
    assert entry.reason == reason
    assert entry.identity is not None
    assert entry.attempt is None


@pytest.mark.parametrize(
    ("role", "user_id", "behind"),
    [
        ("patient", "u-2", None),
        ("admin", "dr-1", "asked"),
        ("doctor", "dr-1", None),
        ("doctor", "dr-2", "asked"),
        ("doctor", "dr-gone", "asked"),
        ("doctor", "odd", "asked"),
        ("doctor", "nobody", "asked"),
    ],
)
def test_who_may_not_speak_for_a_patient_claims_only_an_attempt(
    role: str, user_id: str, behind: str | None
) -> None:
    entry = judged(role, user_id, onBehalfReason=behind)
    assert entry.reason == "out_of_scope"
    assert (entry.identity, entry.attempt) == (None, (user_id, "P-1", ID.lower()))


def test_a_doctor_of_the_site_may_speak_with_a_reason_and_not_for_strangers() -> None:
    assert judged("doctor", "dr-1", onBehalfReason="asked").reason is None
    stranger = judged("doctor", "dr-1", patientId="P-2", onBehalfReason="asked")
    assert (stranger.reason, stranger.identity) == ("unknown_patient", None)


def test_consent_holds_from_its_first_instant_until_before_its_last() -> None:
    assert judged(recordedAt=PATIENT.consented_from).reason is None
    ended = Arrival(
        3, 7, PATIENT.consented_until or NOW, b"", b"", judged().arrival.report, None, "u-1", "patient"
    )
    assert judge(ended, SNAPSHOT).reason is None  # recorded in time, received afterwards


def test_a_clock_ahead_counts_as_received_and_is_flagged_with_the_zone() -> None:
    entry = judged(recordedAt=NOW + timedelta(minutes=6), timeZone="Europe/Berlin")
    assert entry.recorded_at == NOW
    assert entry.flags == {"clock": ["clock_ahead", "other_time_zone"]}


def test_odd_answers_and_respondents_are_flagged_not_refused() -> None:
    entry = judged(answers={"pain": 99, "mood": 1}, respondent="caregiver")
    assert entry.reason is None
    assert entry.flags == {
        "items": {"pain": "out_of_range", "mood": "unknown_item"},
        "report": ["respondent_not_allowed"],
    }


def test_trouble_is_final_and_claims_nothing() -> None:
    for trouble in ("unreadable", "unattributed", "misrouted"):
        entry = judge(Arrival(3, 7, NOW, report=judged().arrival.report, trouble=trouble), SNAPSHOT)
        assert (entry.reason, entry.identity, entry.attempt, entry.patient) == (trouble, None, None, None)


def test_a_refused_record_keeps_its_bytes_and_nothing_else() -> None:
    bare = stripped(judged().arrival)
    assert bare.reason == "refused_by_database"
    assert (bare.arrival.value, bare.arrival.sha256) == (b"bytes", b"hash")
    assert (bare.arrival.report, bare.arrival.user_id, bare.identity) == (None, None, None)
    gap = stripped(Arrival(3, 7, NOW, gap_until=9))
    assert (gap.reason, gap.arrival.gap_until) == (None, 9)
