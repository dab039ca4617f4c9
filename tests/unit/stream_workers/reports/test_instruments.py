from datetime import UTC, datetime
from typing import Literal

import orjson
import pytest

from ingest_gateway.contracts.report import Answer, Report
from stream_workers.reports.instruments import read_instrument

DEFINITION = orjson.dumps(
    {
        "id": "all",
        "version": "1",
        "items": [
            {"id": "whole", "type": "integer", "min": 0, "max": 10, "required": False},
            {"id": "number", "type": "number", "min": 30, "max": 45, "required": False},
            {"id": "choice", "type": "choice", "choices": [{"value": 1}, {"value": "b"}], "required": False},
            {"id": "text", "type": "text", "maxLength": 3, "required": False},
            {"id": "yes", "type": "boolean", "required": False},
        ],
    }
).decode()


def report(answers: dict[str, Answer], respondent: Literal["self", "caregiver"] | None = None) -> Report:
    return Report(
        reportId="",
        patientId="P",
        instrument="all",
        instrumentVersion="1",
        recordedAt=datetime(2026, 11, 22, tzinfo=UTC),
        timeZone="UTC",
        answers=answers,
        respondent=respondent,
    )


@pytest.mark.parametrize(
    ("item", "answer", "flag"),
    [
        ("whole", 0, None),
        ("whole", 10.0, None),
        ("whole", 10.5, "wrong_type"),
        ("whole", 11, "out_of_range"),
        ("whole", -1, "out_of_range"),
        ("whole", True, "wrong_type"),
        ("whole", "3", "wrong_type"),
        ("whole", ["3"], "wrong_type"),
        ("whole", None, None),
        ("number", 36.8, None),
        ("number", 37, None),
        ("number", 45.01, "out_of_range"),
        ("number", 1e308, "out_of_range"),
        ("choice", 1, None),
        ("choice", "b", None),
        ("choice", True, "not_a_choice"),
        ("choice", 1.0, "not_a_choice"),
        ("choice", ["b"], "not_a_choice"),
        ("text", "abc", None),
        ("text", "abcd", "too_long"),
        ("text", 1, "wrong_type"),
        ("yes", False, None),
        ("yes", 0, "wrong_type"),
        ("other", 1, "unknown_item"),
        ("other", None, "unknown_item"),
    ],
)
def test_each_kind_of_item_knows_an_odd_answer(item: str, answer: Answer, flag: str | None) -> None:
    found = read_instrument(DEFINITION).flags(report({item: answer}))
    assert found == ({} if flag is None else {item: flag})


def test_a_required_item_is_missing_where_it_is_absent_or_null() -> None:
    instrument = read_instrument('{"items":[{"id":"a","type":"boolean"}]}')
    assert instrument.flags(report({})) == instrument.flags(report({"a": None})) == {"a": "missing"}


def test_the_patient_answers_where_a_report_does_not_say_who() -> None:
    only_self = read_instrument('{"items":[],"respondents":["self"]}')
    assert only_self.allows(report({}))
    assert not only_self.allows(report({}, "caregiver"))
    assert read_instrument('{"items":[]}').allows(report({}, "caregiver"))
