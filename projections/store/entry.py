"""One offset of the log, judged and ready to be applied."""

from datetime import datetime
from typing import Literal

import msgspec

from ingest_gateway.contracts.report import Report
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


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record of the log with what the worker decided about it, or a gap.

    ``reason`` says why it is quarantined; None leaves it to the transaction: accepted, or a repeat.
    ``identity`` or ``attempt`` is what a readable report lays claim to; a record that no gateway can have
    written (unreadable, unattributed, misrouted) claims nothing.
    ``recorded_at`` is the instant that counts (UTC), which the report's own may not be. ``record_key`` and
    ``headers`` (JSON as ``seals.jsonb_text`` writes it) are kept only where they are not the gateway's.
    ``gap_until`` is the last offset of a gap that starts at ``offset``.
    """

    partition: int
    offset: int
    received_at: datetime
    gap_until: int | None = None
    reason: str | None = None
    identity: Identity | None = None
    attempt: Attempt | None = None
    report: Report | None = None
    patient: Patient | None = None
    recorded_at: datetime | None = None
    flags: dict[str, Json] | None = None
    user_id: str | None = None
    role: str | None = None
    sent_at: datetime | None = None
    sha256: bytes | None = None
    value: bytes | None = None
    record_key: bytes | None = None
    headers: str | None = None

    @property
    def next_offset(self) -> int:
        """The offset after this one."""
        return (self.offset if self.gap_until is None else self.gap_until) + 1


class Outcome(msgspec.Struct, gc=False):
    """What the transaction decided about an entry. ``first`` is the (partition, offset) it repeats."""

    disposition: Disposition
    reason: str | None = None
    first: tuple[int, int] | None = None
    visit_id: str | None = None
    placement: str | None = None
    flags: tuple[str, ...] = ()
