"""What becomes of one record: pure, from the record and a snapshot of enrolment, staff and instruments."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec

from ingest_gateway.contracts.report import Report
from projections.schedule import clock_flags, recorded_instant
from projections.seals import Json
from projections.store import Arrival, Entry, InstrumentKey, Patient, Raised, Staff
from stream_workers.reports.instruments import RESPONDENT_NOT_ALLOWED, Instrument

UNKNOWN_PATIENT: Final = "unknown_patient"
OUT_OF_SCOPE: Final = "out_of_scope"
UNKNOWN_INSTRUMENT: Final = "unknown_instrument"
OUTSIDE_CONSENT: Final = "outside_consent"
REFUSED_BY_DATABASE: Final = "refused_by_database"

SENT_AT_UNREADABLE: Final = "sent_at_unreadable"
SENT_AT_SKEWED: Final = "sent_at_skewed"
_MAX_SKEW: Final = timedelta(minutes=5)


class Snapshot(msgspec.Struct, frozen=True):
    """What is known when a batch is judged. An instrument that is absent from a study is unknown there."""

    patients: Mapping[str, Patient]
    staff: Mapping[str, Staff]
    instruments: Mapping[InstrumentKey, Instrument]


def judge(arrival: Arrival, snapshot: Snapshot) -> Entry:
    """Decide about one record.

    The order is the order of trust: can it be read, do we know who sent it, does it lie where it belongs
    (``arrival.trouble``); is the patient enrolled; may the sender speak for them; does it fit the study.
    A report claims its identity as soon as its sender may speak for the patient, whatever comes after: the
    first readable arrival owns it, even if quarantined. Somebody else's claims only their own attempt.
    Alerts are raised whatever comes of it, as soon as patient and instrument are known.
    """
    report = arrival.report
    if report is None:
        return Entry(arrival, arrival.trouble)
    patient = snapshot.patients.get(report.patientId)
    if arrival.trouble is not None:
        return Entry(arrival, arrival.trouble, raised=_raised(report, patient, snapshot))
    identity = (report.patientId, report.report_id)
    attempt = (arrival.user_id or "", *identity)
    if patient is None:
        # A gateway lets a patient's token speak for that patient only: this is the patient, not enrolled.
        if arrival.role == "patient":
            return Entry(arrival, UNKNOWN_PATIENT, identity=identity)
        return Entry(arrival, UNKNOWN_PATIENT, attempt=attempt)
    if not _may_speak(arrival, report, patient, snapshot.staff):
        raised = _raised(report, patient, snapshot)
        return Entry(arrival, OUT_OF_SCOPE, attempt=attempt, patient=patient, raised=raised)
    if report.studyId is not None and report.studyId != patient.study_id:
        raised = _raised(report, patient, snapshot)
        return Entry(arrival, OUT_OF_SCOPE, identity=identity, patient=patient, raised=raised)
    instrument = snapshot.instruments.get((patient.study_id, report.instrument, report.instrumentVersion))
    if instrument is None:
        return Entry(arrival, UNKNOWN_INSTRUMENT, identity=identity, patient=patient)
    counted = recorded_instant(report.recordedAt, arrival.received_at)
    reason = None
    if counted.at < patient.consented_from or (
        patient.consented_until is not None and counted.at >= patient.consented_until
    ):
        reason = OUTSIDE_CONSENT
    clock = (*counted.flags, *clock_flags(report.timeZone, patient.time_zone), *_sending_flags(arrival))
    rules = instrument.rules.met(report.answers)
    return Entry(
        arrival,
        reason,
        identity,
        None,
        patient,
        counted.at,
        _flags(clock, instrument, report),
        Raised(patient, rules) if rules else None,
    )


def stripped(arrival: Arrival) -> Entry:
    """An entry for a record that Postgres refuses, with nothing left of it but its bytes."""
    bare = Arrival(
        arrival.partition,
        arrival.offset,
        arrival.received_at,
        arrival.sha256,
        arrival.value,
        record_key=arrival.record_key,
        gap_until=arrival.gap_until,
    )
    return Entry(bare, None if arrival.gap_until is not None else REFUSED_BY_DATABASE)


def _raised(report: Report, patient: Patient | None, snapshot: Snapshot) -> Raised | None:
    """What a report raises that is quarantined for who sent it; nothing for a patient nobody enrolled."""
    if patient is None:
        return None
    instrument = snapshot.instruments.get((patient.study_id, report.instrument, report.instrumentVersion))
    rules = instrument.rules.met(report.answers) if instrument is not None else ()
    return Raised(patient, rules) if rules else None


def _may_speak(arrival: Arrival, report: Report, patient: Patient, staff: Mapping[str, Staff]) -> bool:
    """The patient's own user may; a doctor of the patient's site may, with a reason; nobody else."""
    if arrival.role == "patient":
        return arrival.user_id == patient.user_id
    if arrival.role != "doctor" or report.onBehalfReason is None:
        return False
    member = staff.get(arrival.user_id or "")
    return (
        member is not None
        and member.role == "doctor"
        and not member.disabled
        and patient.site_id in member.sites
    )


def _sending_flags(arrival: Arrival) -> tuple[str, ...]:
    if arrival.sent_at is None:
        return (SENT_AT_UNREADABLE,)
    return (SENT_AT_SKEWED,) if abs(arrival.sent_at - arrival.received_at) > _MAX_SKEW else ()


def _flags(clock: tuple[str, ...], instrument: Instrument, report: Report) -> dict[str, Json] | None:
    flags: dict[str, Json] = {}
    if items := instrument.flags(report):
        flags["items"] = items
    if clock:
        flags["clock"] = list(clock)
    if not instrument.allows(report):
        flags["report"] = [RESPONDENT_NOT_ALLOWED]
    return flags or None
