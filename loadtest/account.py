"""What became of every report: what its sender was told, against what the ledger holds. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil
from typing import Final, Literal

import msgspec

from ingest_gateway.contracts.receipt import Accepted
from loadtest.client import Delivery
from loadtest.reports import PreparedReport

Outcome = Literal["accepted", "unknown", "refused", "unsent"]
"""``accepted``: a 202 came at some attempt. ``unknown``: it may be in Kafka (no answer, or a 5xx).
``refused``: only ever a 4xx. ``unsent``: no attempt reached the gateway."""

Key = tuple[str, str]
"""A report's identity: patient id and report id."""

WRONG_RECEIPT: Final = "202 with a wrong receipt"

_decode_accepted = msgspec.json.Decoder(Accepted).decode


class Told(msgspec.Struct, frozen=True):
    """What the sender of one report knows. ``sha256`` is the hex digest of the bytes it sent.

    ``partition`` and ``offset`` are its receipt's; None without one, or where the broker did not say.
    """

    patient_id: str
    report_id: str
    sha256: str
    outcome: Outcome
    partition: int | None = None
    offset: int | None = None

    @property
    def key(self) -> Key:
        """The report's identity."""
        return self.patient_id, self.report_id


class Row(msgspec.Struct, frozen=True):
    """What the ledger says about one offset. ``sha256`` is the hex digest of the bytes it keeps."""

    patient_id: str
    report_id: str
    disposition: str
    reason: str | None
    sha256: str

    @property
    def key(self) -> Key:
        """The report's identity."""
        return self.patient_id, self.report_id


class Verdict(msgspec.Struct, frozen=True):
    """The judgement over a run. Lists hold report ids.

    ``lost``: answered 202, and no accepted or quarantined row holds those bytes. ``invented``: a row that no
    202 and no unknown outcome explains, or that holds other bytes than were sent. ``doubled``: more than one
    accepted row. ``landed_unknown`` of the unknown outcomes turned out to be in the ledger.
    """

    accepted: int
    projected: int
    quarantined: dict[str, int]
    lost: list[str]
    invented: list[str]
    doubled: list[str]
    landed_unknown: int

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing invented, nothing twice."""
        return not (self.lost or self.invented or self.doubled)


def judge(told: Collection[Told], rows: Iterable[Row]) -> Verdict:
    """Hold what senders were told against the ledger's rows of the run's reports."""
    facts: Mapping[Key, list[Row]] = defaultdict(list)
    for row in rows:
        if row.disposition in ("accepted", "quarantined", "duplicate"):
            facts[row.key].append(row)
    projected, landed = 0, 0
    quarantined: Counter[str] = Counter()
    lost, invented, doubled = [], [], []
    for one in told:
        found = facts.get(one.key, [])
        own = [row for row in found if row.sha256 == one.sha256]
        kept = [row for row in own if row.disposition == "accepted"]
        aside = [row for row in own if row.disposition == "quarantined"]
        if len(own) < len(found) or (own and one.outcome in ("refused", "unsent")):
            invented.append(one.report_id)
        if sum(row.disposition == "accepted" for row in found) > 1:
            doubled.append(one.report_id)
        if one.outcome == "unknown":
            landed += bool(own)
        elif one.outcome == "accepted":
            projected += bool(kept)
            if not kept and aside:
                quarantined[aside[0].reason or "unnamed"] += 1
            elif not kept:
                lost.append(one.report_id)
    accepted = sum(one.outcome == "accepted" for one in told)
    return Verdict(accepted, projected, dict(quarantined), lost, invented, doubled, landed)


def told_of(report: PreparedReport, sha256: str, delivery: Delivery) -> Told:
    """What a delivery told its sender; a 202 whose receipt is another report's tells nothing."""
    identity = (report.assignment.patientId, report.report_id, sha256)
    if delivery.answer is not None:
        try:
            accepted = _decode_accepted(delivery.answer)
        except msgspec.DecodeError:
            return Told(*identity, "unknown")
        if (accepted.reportId, accepted.status, accepted.receipt.sha256) != (
            report.report_id,
            "accepted",
            sha256,
        ):
            return Told(*identity, "unknown")
        return Told(*identity, "accepted", accepted.receipt.partition, accepted.receipt.offset)
    if delivery.outcome_unknown:
        return Told(*identity, "unknown")
    return Told(*identity, "refused" if delivery.refused is not None or delivery.attempts else "unsent")


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the moment a report was meant to be sent to its 202."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float


def latency(seconds: Sequence[float]) -> Latency | None:
    """Nearest-rank percentiles; None where there is nothing to rank."""
    if not seconds:
        return None
    ranked = sorted(seconds)

    def percentile(share: float) -> float:
        return round(ranked[max(0, ceil(share * len(ranked)) - 1)] * 1000, 3)

    return Latency(percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999), percentile(1.0))
