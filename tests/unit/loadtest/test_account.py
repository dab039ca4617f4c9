"""The judgement over a run: nothing lost, nothing invented, nothing twice."""

import msgspec
import pytest

from ingest_gateway.contracts.receipt import Accepted, Receipt
from loadtest.account import Latency, Outcome, Row, Told, judge, latency, told_of
from loadtest.client import Delivery
from loadtest.reports import PreparedReport
from loadtest.wire import Request
from tests.unit.loadtest.conftest import assignment

OURS, OTHERS = "aa" * 32, "bb" * 32


def told(outcome: Outcome = "accepted", report: str = "r-1", patient: str = "P-1") -> Told:
    return Told(patient, report, OURS, outcome, 3, 41)


def row(
    disposition: str = "accepted",
    report: str = "r-1",
    patient: str = "P-1",
    reason: str | None = None,
    sha256: str = OURS,
) -> Row:
    return Row(patient, report, disposition, reason, sha256)


def test_an_accepted_report_with_its_row_is_projected() -> None:
    verdict = judge([told()], [row()])
    assert (verdict.accepted, verdict.projected, verdict.ok) == (1, 1, True)


def test_an_accepted_report_without_a_row_is_lost() -> None:
    verdict = judge([told(), told(report="r-2")], [row()])
    assert (verdict.lost, verdict.projected, verdict.ok) == (["r-2"], 1, False)


def test_a_row_of_another_patient_with_the_same_report_id_saves_nobody() -> None:
    assert judge([told()], [row(patient="P-2")]).lost == ["r-1"]


def test_a_row_with_other_bytes_is_invented_and_the_report_lost() -> None:
    verdict = judge([told()], [row(sha256=OTHERS)])
    assert (verdict.lost, verdict.invented) == (["r-1"], ["r-1"])


def test_a_foreign_row_beside_the_right_one_is_invented() -> None:
    verdict = judge([told()], [row(), row("quarantined", reason="conflict", sha256=OTHERS)])
    assert (verdict.lost, verdict.projected, verdict.invented) == ([], 1, ["r-1"])


def test_a_quarantined_report_is_neither_lost_nor_projected() -> None:
    verdict = judge([told()], [row("quarantined", reason="unknown_instrument")])
    assert (verdict.quarantined, verdict.projected, verdict.ok) == ({"unknown_instrument": 1}, 0, True)


def test_a_duplicate_row_alone_does_not_keep_a_report() -> None:
    assert judge([told()], [row("duplicate")]).lost == ["r-1"]


def test_a_report_sent_again_leaves_one_fact_and_its_duplicates() -> None:
    verdict = judge([told()], [row(), row("duplicate"), row("duplicate")])
    assert (verdict.projected, verdict.ok) == (1, True)


def test_a_duplicate_of_a_quarantined_report_stays_quarantined() -> None:
    verdict = judge([told()], [row("quarantined", reason="outside_consent"), row("duplicate")])
    assert (verdict.quarantined, verdict.lost) == ({"outside_consent": 1}, [])


@pytest.mark.parametrize("outcome", ["accepted", "unknown", "refused"])
def test_two_accepted_rows_are_doubled_whatever_the_sender_was_told(outcome: Outcome) -> None:
    assert judge([told(outcome)], [row(), row()]).doubled == ["r-1"]


@pytest.mark.parametrize("outcome", ["refused", "unsent"])
@pytest.mark.parametrize("disposition", ["accepted", "quarantined", "duplicate"])
def test_what_was_only_ever_refused_must_not_appear(outcome: Outcome, disposition: str) -> None:
    reason = "conflict" if disposition == "quarantined" else None
    assert judge([told(outcome)], [row(disposition, reason=reason)]).invented == ["r-1"]
    assert judge([told(outcome)], []).ok


def test_an_unknown_outcome_appears_once_or_not_at_all() -> None:
    assert judge([told("unknown")], []).ok
    landed = judge([told("unknown")], [row()])
    assert (landed.ok, landed.landed_unknown, landed.accepted, landed.projected) == (True, 1, 0, 0)


# What a sender was told ----------------------------------------------------------------------------------

PREPARED = PreparedReport("r-1", assignment(), b"{}")


def delivery(**known: object) -> Delivery:
    made = Delivery(0.0, Request(b"", b""))
    for name, value in known.items():
        setattr(made, name, value)
    return made


def accepted_body(report_id: str = "r-1", sha256: str = OURS, offset: int | None = 41) -> bytes:
    receipt = Receipt(partition=3, offset=offset, sha256=sha256, receivedAt="2026-11-22T00:00:00.000Z")
    return msgspec.json.encode(Accepted(reportId=report_id, receipt=receipt))


@pytest.mark.parametrize("offset", [41, None])
def test_a_receipt_says_where_the_report_lies(offset: int | None) -> None:
    known = told_of(PREPARED, OURS, delivery(answer=accepted_body(offset=offset), attempts=1))
    assert (known.outcome, known.partition, known.offset) == ("accepted", 3, offset)


def test_a_202_counts_even_after_failed_attempts() -> None:
    known = delivery(answer=accepted_body(), attempts=3, outcome_unknown=True)
    assert told_of(PREPARED, OURS, known).outcome == "accepted"


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"[1", accepted_body(report_id="r-2"), accepted_body(sha256=OTHERS)],
    ids=["empty", "no receipt", "not JSON", "another report", "other bytes"],
)
def test_a_202_with_a_wrong_receipt_is_no_acceptance(answer: bytes) -> None:
    assert told_of(PREPARED, OURS, delivery(answer=answer, attempts=1)).outcome == "unknown"


def test_no_answer_is_an_unknown_outcome_also_when_a_later_attempt_is_refused() -> None:
    known = delivery(attempts=2, outcome_unknown=True, refused=403)
    assert told_of(PREPARED, OURS, known).outcome == "unknown"


def test_refused_and_unsent_are_told_apart() -> None:
    assert told_of(PREPARED, OURS, delivery(attempts=1, refused=401)).outcome == "refused"
    assert told_of(PREPARED, OURS, delivery(attempts=1)).outcome == "refused"
    assert told_of(PREPARED, OURS, delivery()).outcome == "unsent"


# Latency -------------------------------------------------------------------------------------------------


def test_percentiles_are_nearest_rank_in_milliseconds() -> None:
    seconds = [number / 1000 for number in range(1000, 0, -1)]
    assert latency(seconds) == Latency(p50=500.0, p90=900.0, p99=990.0, p999=999.0, max=1000.0)


def test_one_report_is_every_percentile() -> None:
    assert latency([0.25]) == Latency(250.0, 250.0, 250.0, 250.0, 250.0)


def test_no_reports_have_no_latency() -> None:
    assert latency([]) is None
