"""One offset of the log: as it was read, judged, and decided about."""

from datetime import datetime
from typing import Literal

import msgspec

from ingest_gateway.contracts.report import Report
from projections.alerts import Rule
from projections.seals import Json

Disposition = Literal["accepted", "duplicate", "quarantined", "gap"]

Identity = tuple[str, str]
"""(patientId, reportId in lower case). The first readable arrival owns it, even if quarantined."""

Attempt = tuple[str, str, str]
"""(userId, patientId, reportId): a report by somebody who may not speak for that patient.

Sent again, it is a duplicate of its own refused attempt, and the patient's identity stays free: so guessing
another patient's reportId poisons nothing.
"""


class Patient(msgspec.Struct, frozen=True, gc=False):
    """A patient's enrolment, as far as a report is judged by it. Instants are aware."""

    user_id: str
    study_id: str
    site_id: str
    time_zone: str
    consented_from: datetime
    consented_until: datetime | None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One offset of the log as it was read: a record, or a gap.

    ``report`` is there where the record is readable. ``trouble`` is the reason to quarantine it that needs no
    enrolment to see. ``record_key`` and ``headers`` (JSON as ``seals.jsonb_text`` writes it) are kept only
    where they are not what a gateway writes. A gap has a ``gap_until``, its last offset, and nothing else.
    """

    partition: int
    offset: int
    received_at: datetime
    sha256: bytes | None = None
    value: bytes | None = None
    report: Report | None = None
    trouble: str | None = None
    user_id: str | None = None
    role: str | None = None
    sent_at: datetime | None = None
    record_key: bytes | None = None
    headers: str | None = None
    gap_until: int | None = None

    @property
    def next_offset(self) -> int:
        """The offset after this one."""
        return (self.offset if self.gap_until is None else self.gap_until) + 1


class Raised(msgspec.Struct, frozen=True):
    """The alert rules that a report's answers meet, and whose they are: scope is the enrolment's."""

    patient: Patient
    rules: tuple[Rule, ...]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An arrival and what the worker decided about it.

    ``reason`` says why it is quarantined; None leaves it to the transaction: accepted, or a repeat.
    ``identity`` or ``attempt`` is what a readable report lays claim to; a record that no gateway can have
    written (unreadable, unattributed, misrouted) claims nothing. ``recorded_at`` is the instant that counts
    (UTC), which the report's own may not be. ``raised`` is there where it raises alerts, if it is no repeat.
    """

    arrival: Arrival
    reason: str | None = None
    identity: Identity | None = None
    attempt: Attempt | None = None
    patient: Patient | None = None
    recorded_at: datetime | None = None
    flags: dict[str, Json] | None = None
    raised: Raised | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Its (partition, offset)."""
        return (self.arrival.partition, self.arrival.offset)


class Outcome(msgspec.Struct, gc=False):
    """What the transaction decided about an entry.

    ``first`` is the (partition, offset) it repeats; ``late``, told only where an alert is to show it, that it
    was recorded after the window of its visit had closed.
    """

    disposition: Disposition
    reason: str | None = None
    first: tuple[int, int] | None = None
    visit_id: str | None = None
    placement: str | None = None
    flags: tuple[str, ...] = ()
    late: bool = False
