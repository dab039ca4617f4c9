from datetime import UTC, datetime, timedelta

import pytest

from projections.read_api.explanations import explain
from projections.schedule import StatusCode, VisitState, Window, completion

OPENS = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
CLOSES = OPENS + timedelta(hours=3)
WINDOW = Window(OPENS, CLOSES, CLOSES + timedelta(hours=1))
CODES: tuple[StatusCode, ...] = ("upcoming", "open", "partial", "completed", "overdue", "missed", "cancelled")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("languages", [["zh"], ["en"]])
def test_every_status_has_a_sentence(code: StatusCode, languages: list[str]) -> None:
    forms = {"d": OPENS} if code == "completed" else {}
    state = VisitState(WINDOW, ("d",), forms)
    sentence = explain(code, state, completion(state), "Asia/Shanghai", languages)
    assert sentence
    assert "{" not in sentence


def test_a_late_completion_says_when_it_was_due_by_the_patients_clock() -> None:
    state = VisitState(WINDOW, ("d",), {"d": CLOSES + timedelta(minutes=5)})
    sentence = explain("completed", state, completion(state), "Europe/Berlin", ["en"])
    assert sentence == "Completed at 2026-11-22 04:05, after it was due at 2026-11-22 04:00."
