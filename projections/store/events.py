"""What a batch tells the rest of the system: events of ids, never of answers."""

from collections.abc import Sequence
from typing import Any

from projections.store.entry import Entry, Outcome
from projections.store.placing import Placed
from projections.store.visits import Visit

Event = dict[str, Any]


def batch_events(stream: int, items: Sequence[tuple[Entry, Outcome]], placed: Placed) -> list[Event]:
    """The events of a batch: quarantines, then visits that began and visits that are complete.

    A visit begins with the first of several required reports; one that needs a single report only completes.

    Ids come from the log's offsets: a batch applied again has them again.
    """
    events = [
        _quarantined(stream, entry, outcome)
        for entry, outcome in items
        if outcome.disposition == "quarantined"
    ]
    events.extend(_begun(stream, entry, visit) for entry, visit in placed.begun)
    events.extend(_completed(stream, entry, visit) for entry, visit in placed.completed)
    return events


def _quarantined(stream: int, entry: Entry, outcome: Outcome) -> Event:
    arrival = entry.arrival
    data = {
        "reportId": arrival.report.report_id if arrival.report else None,
        "reason": outcome.reason,
        "partition": arrival.partition,
        "offset": arrival.offset,
    }
    return _event(stream, entry, "report.quarantined", data)


def _begun(stream: int, entry: Entry, visit: Visit) -> Event:
    return _event(stream, entry, "visit.begun", _visit(entry, visit))


def _completed(stream: int, entry: Entry, visit: Visit) -> Event:
    data = _visit(entry, visit) | {"timeliness": visit.timeliness}
    return _event(stream, entry, "visit.completed", data)


def _visit(entry: Entry, visit: Visit) -> dict[str, Any]:
    report = entry.arrival.report
    return {
        "visitId": visit.visit_id,
        "slotId": visit.slot_id,
        "reportId": report.report_id if report else None,
    }


def _event(stream: int, entry: Entry, kind: str, data: dict[str, Any]) -> Event:
    """Study and site are the enrolment's; a record that nobody could attribute has neither, nor a patient."""
    arrival, patient = entry.arrival, entry.patient
    return {
        "id": f"{stream}-{arrival.partition}-{arrival.offset}-{kind}",
        "type": kind,
        "studyId": patient.study_id if patient else None,
        "siteId": patient.site_id if patient else None,
        "patientId": arrival.report.patientId if patient and arrival.report else None,
        "at": arrival.received_at,
        "data": data,
    }
