from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingest_gateway.contracts.report import Report
from projections.store.identity import same_content

REPORT = Report(
    reportId="0192f0c1-7b3a-7cc0-8000-0123456789ab",
    patientId="P-1",
    instrument="diary",
    instrumentVersion="1",
    recordedAt=datetime(2026, 11, 22, tzinfo=UTC),
    timeZone="UTC",
    answers={"pain": 1, "words": ["a", "b"]},
)


def changed(**changes: Any) -> Report:  # noqa: ANN401
    return msgspec.structs.replace(REPORT, **changes)


@pytest.mark.parametrize(
    "same",
    [
        changed(),
        changed(reportId=REPORT.reportId.upper()),
        changed(answers={"words": ["a", "b"], "pain": 1.0}),
    ],
)
def test_spelling_is_no_content(same: Report) -> None:
    assert same_content(REPORT, same)


@pytest.mark.parametrize(
    "other",
    [
        changed(answers={"pain": True, "words": ["a", "b"]}),
        changed(answers={"pain": "1", "words": ["a", "b"]}),
        changed(answers={"pain": 1, "words": ["b", "a"]}),
        changed(answers={"pain": 1, "words": ["a", "b"], "more": None}),
        changed(sequence=1),
        changed(recordedAt=datetime.fromisoformat("2026-11-22T08:00:00+08:00")),
    ],
)
def test_everything_else_is(other: Report) -> None:
    assert not same_content(REPORT, other)
