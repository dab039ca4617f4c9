"""Alerts, raised in the transaction of the report that raises them; a report that raises none costs nothing.

Every readable report of an enrolled patient whose instrument is known raises what its answers meet, also a
quarantined one: an alarming answer is worth a look whoever sent it. What cannot raise any: a record that
cannot be read, a patient nobody enrolled (there is no study to have a rule, and no site to show it to), an
instrument the study does not have, and a repeat.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from projections.alerts import Rule, alert_id
from projections.seals import Json
from projections.sql import queries
from projections.store.entry import Entry, Outcome, Raised

_SQL = queries("store")
_MARKED_PLACEMENTS = frozenset({"unscheduled", "extra"})

Event = dict[str, Any]


async def raise_alerts(
    connection: asyncpg.Connection, stream: int, items: Sequence[tuple[Entry, Outcome]], now: datetime
) -> list[Event]:
    """Insert the alerts of a batch, and return the event of each that was not there before.

    Args:
        connection: in the batch's transaction.
        stream: the topic's number.
        items: placed entries with their outcomes, in offset order.
        now: when the alerts are raised.
    """
    raised = [
        (entry, outcome, entry.raised)
        for entry, outcome in items
        if entry.raised is not None and outcome.disposition in ("accepted", "quarantined")
    ]
    if not raised:
        return []
    alerts: dict[UUID, dict[str, Any]] = {}
    for entry, outcome, what in raised:
        for rule in what.rules:
            one = _alert(stream, entry, outcome, what, rule, now)
            alerts.setdefault(one["alert_id"], one)
    rows = [alerts[key] for key in sorted(alerts)]
    columns = [[row[name] for row in rows] for name in rows[0]]
    new = await connection.fetch(_SQL["add_alerts"], *columns)
    inserted = {row[0] for row in new}
    return [_event(one) for key, one in alerts.items() if key in inserted]


def _alert(
    stream: int, entry: Entry, outcome: Outcome, raised: Raised, rule: Rule, now: datetime
) -> dict[str, Any]:
    """A row of the table, its columns in the order of the query ``add_alerts``."""
    arrival, report = entry.arrival, entry.arrival.report
    assert report is not None  # noqa: S101 - what cannot be read raises nothing
    patient = raised.patient
    return {
        "alert_id": alert_id(report.patientId, report.report_id, report.instrument, rule.id, _claim(entry)),
        "study_id": patient.study_id,
        "site_id": patient.site_id,
        "patient_id": report.patientId,
        "report_id": report.report_id,
        "instrument": report.instrument,
        "instrument_version": report.instrumentVersion,
        "rule_id": rule.id,
        "item": rule.item,
        "level": rule.level,
        "visit_id": outcome.visit_id,
        "marks": " ".join(_marks(entry, outcome, rule.item)),
        "reason": outcome.reason,
        "recorded_at": report.recordedAt.astimezone(UTC),
        "received_at": arrival.received_at,
        "raised_at": now,
        "stream_id": stream,
        "kafka_partition": arrival.partition,
        "kafka_offset": arrival.offset,
    }


def _claim(entry: Entry) -> str:
    """What keeps a stranger's report apart: nothing where it may speak for the patient (see ``alert_id``)."""
    if entry.identity is not None:
        return ""
    return entry.attempt[0] if entry.attempt is not None else str(entry.reason)


def _marks(entry: Entry, outcome: Outcome, item: str) -> list[str]:
    """What staff should know before they rely on the report."""
    flags = entry.flags or {}
    marks = ["quarantined"] if outcome.disposition == "quarantined" else []
    if entry.arrival.report is not None and entry.arrival.report.amends is not None:
        marks.append("amendment")
    if outcome.placement in _MARKED_PLACEMENTS:
        marks.append(outcome.placement)
    if outcome.late:
        marks.append("late")
    items = flags.get("items")
    oddity = items.get(item) if isinstance(items, dict) else None
    return [*marks, *_texts(flags.get("clock")), *_texts(flags.get("report")), *_texts([oddity])]


def _texts(values: Json) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _event(alert: dict[str, Any]) -> Event:
    """``alert.raised``; its data is what the read API shows of a new alert, without words and answer."""
    delay = alert["received_at"] - alert["recorded_at"]
    return {
        "id": f"{alert['alert_id']}-alert.raised",
        "type": "alert.raised",
        "studyId": alert["study_id"],
        "siteId": alert["site_id"],
        "patientId": alert["patient_id"],
        "at": alert["raised_at"],
        "data": {
            "alertId": str(alert["alert_id"]),
            "ruleId": alert["rule_id"],
            "level": alert["level"],
            "state": "open",
            "studyId": alert["study_id"],
            "siteId": alert["site_id"],
            "patientId": alert["patient_id"],
            "reportId": alert["report_id"],
            "visitId": alert["visit_id"],
            "instrument": alert["instrument"],
            "instrumentVersion": alert["instrument_version"],
            "item": alert["item"],
            "recordedAt": alert["recorded_at"],
            "receivedAt": alert["received_at"],
            "delaySeconds": round(delay.total_seconds(), 3),
            "raisedAt": alert["raised_at"],
            "marks": alert["marks"].split(),
            "reason": alert["reason"],
            "acknowledgedAt": None,
            "acknowledgedBy": None,
            "assessment": None,
            "assessedAt": None,
            "assessedBy": None,
            "closedAt": None,
            "closedBy": None,
            "adverseEventId": None,
        },
    }
