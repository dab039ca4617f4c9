"""The ledger's rows: one per offset, and what their seal covers."""

from datetime import datetime
from typing import Any, Final

from projections import seals
from projections.store.entry import Entry, Outcome

COLUMNS: Final = ("stream_id", *seals.COVERED, "value")

Row = tuple[Any, ...]


def ledger_row(stream: int, entry: Entry, outcome: Outcome) -> tuple[Row, bytes]:
    """The row of an entry, in the order of ``COLUMNS``, and its digest for the seal."""
    arrival = entry.arrival
    report = arrival.report
    if report is None:
        patient_id = report_id = instrument = version = recorded_at = amends = None
    else:
        patient_id, report_id = report.patientId, report.report_id
        instrument, version = report.instrument, report.instrumentVersion
        recorded_at, amends = report.recordedAt, report.amends
    first_partition, first_offset = outcome.first or (None, None)
    flags = _flags(entry, outcome)
    row = (
        stream,
        arrival.partition,
        arrival.offset,
        arrival.gap_until,
        arrival.received_at,
        outcome.disposition,
        outcome.reason,
        first_partition,
        first_offset,
        patient_id,
        report_id,
        instrument,
        version,
        recorded_at,
        outcome.visit_id,
        outcome.placement,
        flags,
        amends,
        arrival.user_id,
        arrival.role,
        arrival.sent_at,
        arrival.sha256,
        arrival.record_key,
        arrival.headers,
        arrival.value,
    )
    covered = [
        str(arrival.partition),
        str(arrival.offset),
        _text(arrival.gap_until),
        seals.microseconds(arrival.received_at),
        outcome.disposition,
        outcome.reason,
        _text(first_partition),
        _text(first_offset),
        patient_id,
        report_id,
        instrument,
        version,
        _instant(recorded_at),
        outcome.visit_id,
        outcome.placement,
        flags,
        amends and amends.lower(),
        arrival.user_id,
        arrival.role,
        _instant(arrival.sent_at),
        _hex(arrival.sha256),
        _hex(arrival.record_key),
        arrival.headers,
    ]
    return row, seals.row_digest(covered)


def _flags(entry: Entry, outcome: Outcome) -> str | None:
    if not entry.flags and not outcome.flags:
        return None
    flags = dict(entry.flags or {})
    if outcome.flags:
        flags["placement"] = list(outcome.flags)
    return seals.jsonb_text(flags)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _instant(value: datetime | None) -> str | None:
    return None if value is None else seals.microseconds(value)
