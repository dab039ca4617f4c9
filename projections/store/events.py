"""What a batch tells the rest of the system: events of ids, never of answers."""

from collections.abc import Iterable, Sequence
from typing import Any

from projections.store.entry import Entry, Outcome
from projections.store.visits import Visit

Event = dict[str, Any]


def batch_events(
    stream: int, items: Sequence[tuple[Entry, Outcome]], completed: Iterable[tuple[Entry, Visit]]
) -> list[Event]:
    """The events of a batch, quarantines first.

    Ids come from the log's offsets: a batch applied again has them again.
    """
    events = [
        _quarantined(stream, entry, outcome)
        for entry, outcome in items
        if outcome.disposition == "quarantined"
    ]
    events.extend(_completed(stream, entry, visit) for entry, visit in completed)
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


def _completed(stream: int, entry: Entry, visit: Visit) -> Event:
    data = {
        "visitId": visit.visit_id,
        "slotId": visit.slot_id,
        "timeliness": visit.timeliness,
        "reportId": entry.arrival.report.report_id if entry.arrival.report else None,
    }
    return _event(stream, entry, "visit.completed", data)


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
