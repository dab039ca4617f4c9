"""What an alert says: the rule's words, or the rule itself, in the reader's language."""

import json

import msgspec
import pytest

from projections.alerts import Rule
from projections.read_api.alert_texts import Definition, alert_text
from projections.study.model import document
from tests.unit.projections.study.example import GOOD, read

ITEMS = [
    {"id": "pain", "text": {"zh": "疼痛", "en": "Pain"}},
    {"id": "temperature", "text": {"zh": "体温", "en": "Temperature"}, "unit": "°C"},
    {"id": "slept", "text": {"zh": "睡着了", "en": "Slept"}},
    {
        "id": "mood",
        "text": {"zh": "心情", "en": "Mood"},
        "choices": [{"value": 0, "text": {"zh": "坏", "en": "bad"}}],
    },
    {"id": "hot", "text": {"zh": "体温多少？", "en": "How hot? (in °C)"}},
    {"id": "dull"},
]


def text(rule: Rule, *languages: str) -> str:
    definition = msgspec.convert({"items": ITEMS, "alerts": []}, Definition)
    definition.alerts.append(rule)
    return alert_text(definition, rule.id, languages)


@pytest.mark.parametrize(
    ("rule", "chinese", "english"),
    [
        (Rule("r", "pain", ">=", 9, "routine"), "疼痛 ≥ 9", "Pain ≥ 9"),
        (Rule("r", "pain", ">", 9.0, "routine"), "疼痛 > 9", "Pain > 9"),
        (Rule("r", "temperature", ">=", 38.3, "urgent"), "体温 ≥ 38.3 °C", "Temperature ≥ 38.3 °C"),
        (Rule("r", "temperature", "<", 35, "urgent"), "体温 < 35 °C", "Temperature < 35 °C"),
        (Rule("r", "slept", "==", False, "routine"), "睡着了 = 否", "Slept = no"),
        (Rule("r", "slept", "!=", True, "routine"), "睡着了 ≠ 是", "Slept ≠ yes"),
        (Rule("r", "mood", "==", 0, "routine"), "心情 = 坏", "Mood = bad"),
        (Rule("r", "mood", "<=", 1, "routine"), "心情 ≤ 1", "Mood ≤ 1"),
        (Rule("r", "hot", ">", 38, "urgent"), "体温多少？ · > 38", "How hot? (in °C) · > 38"),
        (Rule("r", "dull", "==", "x", "routine"), "dull = x", "dull = x"),
        (Rule("r", "pain", ">=", 9, "routine", {"zh": "很痛", "en": "Severe pain"}), "很痛", "Severe pain"),
    ],
)
def test_an_alert_says_its_rule(rule: Rule, chinese: str, english: str) -> None:
    assert text(rule) == chinese
    assert text(rule, "en-gb", "zh") == english


def test_a_rule_that_is_not_in_the_definition_is_named() -> None:
    assert alert_text(Definition(), "fever", ["en"]) == "fever"


def test_a_published_definition_is_read() -> None:
    definition = json.dumps(document(read(GOOD).instruments[0]))
    assert alert_text(msgspec.json.decode(definition, type=Definition), "pain-high", ["en"]) == "Pain ≥ 9"
