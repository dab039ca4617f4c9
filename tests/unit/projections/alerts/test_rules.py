"""Which answers raise an alert, and that its id is the same for ever."""

import json
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.contracts.report import Answer
from projections.alerts import Rule, Rules, alert_id, read_rules
from projections.alerts.rules import NAMESPACE
from projections.study.model import document
from tests.unit.projections.study.example import GOOD, read

COMPARISONS = (">=", ">", "<=", "<", "==", "!=")
REPORT = "0192f0c1-7b3a-7cc0-8000-0123456789ab"
ANSWERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.text())
)


def meets(answer: Answer, comparison: str, value: bool | int | float | str) -> bool:
    return bool(Rules([Rule("r", "x", comparison, value, "urgent")]).met({"x": answer}))


@pytest.mark.parametrize(
    ("comparison", "answers"),
    [(">=", {3, 4}), (">", {4}), ("<=", {2, 3}), ("<", {2}), ("==", {3}), ("!=", {2, 4})],
)
def test_a_number_is_compared_as_the_rule_says(comparison: str, answers: set[int]) -> None:
    assert {answer for answer in (2, 3, 4) if meets(answer, comparison, 3)} == answers


def test_whole_numbers_and_decimals_compare_with_each_other() -> None:
    assert meets(39, ">=", 38.3)
    assert meets(9.0, "==", 9)
    assert not meets(38.29999, ">=", 38.3)


def test_yes_or_no_and_texts_are_compared_for_being_the_same() -> None:
    assert meets(True, "==", True)
    assert meets(False, "!=", True)
    assert meets("severe", "==", "severe")
    assert not meets("Severe", "==", "severe")


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (1, (None, True, "1", "9", ["9"], [])),
        (0.5, (None, True, False, "", "0.9", ["x"])),
        (True, (None, 1, 1.0, 0, "true", ["true"])),
        ("yes", (None, True, 1, 0, ["yes"])),
    ],
)
def test_an_answer_of_another_type_meets_no_rule(
    comparison: str, value: bool | float | str, wrong: tuple[Answer, ...]
) -> None:
    assert not any(meets(answer, comparison, value) for answer in wrong)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_missing_answer_meets_no_rule(comparison: str) -> None:
    assert Rules([Rule("r", "x", comparison, 0, "urgent")]).met({"y": 5}) == ()


@pytest.mark.parametrize("answer", [11, 99, 10**40, 1e300])
def test_an_answer_out_of_range_is_compared_like_any_other(answer: float) -> None:
    assert meets(answer, ">=", 9)


def test_every_rule_that_is_met_is_told_in_the_order_of_the_study_file() -> None:
    rules = [Rule(name, "x", ">=", value, "routine") for name, value in (("b", 1), ("a", 2), ("c", 9))]
    assert [rule.id for rule in Rules(rules).met({"x": 5})] == ["b", "a"]


@given(
    ANSWERS,
    st.sampled_from(COMPARISONS),
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
)
def test_no_answer_makes_a_rule_fail(answer: Answer, comparison: str, value: bool | float | str) -> None:
    assert meets(answer, comparison, value) in (True, False)


@given(
    st.one_of(st.integers(), st.floats(allow_nan=False)), st.one_of(st.integers(), st.floats(allow_nan=False))
)
def test_of_a_comparison_and_its_opposite_a_number_meets_exactly_one(answer: float, value: float) -> None:
    for one, other in ((">=", "<"), (">", "<="), ("==", "!=")):
        assert meets(answer, one, value) is not meets(answer, other, value)


def test_the_rules_of_a_published_instrument_are_read() -> None:
    instrument = read(GOOD).instruments[0]
    rules = read_rules(json.dumps(document(instrument)))
    [rule] = rules.met({"pain": 9, "weight": 80.5})
    assert (rule.id, rule.item, rule.level, rule.text) == ("pain-high", "pain", "urgent", None)
    assert rules.met({"pain": 8}) == ()


def test_an_instrument_without_rules_raises_nothing() -> None:
    assert read_rules('{"items": []}').met({"pain": 10}) == ()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("P-000123", REPORT, "daily-symptoms", "fever"), "83aa9d30-5c8d-5923-a195-8b1274ff871b"),
        (("受试者-七", REPORT, "phq-9", "self-harm"), "01f39cee-81d7-51e1-be81-21c7a549a3c9"),
        (
            ("P-000123", REPORT, "daily-symptoms", "fever", "staff-dr.chen"),
            "0c22b3e3-1068-56d3-9976-6f040c7998d6",
        ),
    ],
)
def test_an_alerts_id_never_changes(parts: tuple[str, ...], expected: str) -> None:
    assert alert_id(*parts) == UUID(expected)


def test_the_namespace_is_derived_and_not_drawn() -> None:
    assert uuid5(NAMESPACE_URL, "urn:eightbells:alerts:1") == NAMESPACE


PART = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(PART, PART, PART, PART, PART), unique=True, max_size=10))
def test_different_alerts_have_different_ids(parts: list[tuple[str, str, str, str, str]]) -> None:
    assert len({alert_id(*one) for one in parts}) == len(parts)
