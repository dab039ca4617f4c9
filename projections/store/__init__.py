"""Applies batches of the log to Postgres: one transaction each, by compare-and-set on the offsets."""

from projections.store.enrolment import InstrumentKey, Staff, read_instruments, read_patients, read_staff
from projections.store.entry import Arrival, Attempt, Disposition, Entry, Identity, Outcome, Patient, Raised
from projections.store.errors import Meaning, RefusedEntry, Superseded, meaning
from projections.store.session import connect, end_frozen_copies
from projections.store.streams import (
    add_offsets,
    ledger_prepared_until,
    next_offsets,
    note_seen,
    stream_number,
)
from projections.store.transaction import Applied, Chain, apply_batch
from projections.store.visits import Slot

__all__ = [
    "Applied",
    "Arrival",
    "Attempt",
    "Chain",
    "Disposition",
    "Entry",
    "Identity",
    "InstrumentKey",
    "Meaning",
    "Outcome",
    "Patient",
    "Raised",
    "RefusedEntry",
    "Slot",
    "Staff",
    "Superseded",
    "add_offsets",
    "apply_batch",
    "connect",
    "end_frozen_copies",
    "ledger_prepared_until",
    "meaning",
    "next_offsets",
    "note_seen",
    "read_instruments",
    "read_patients",
    "read_staff",
    "stream_number",
]
