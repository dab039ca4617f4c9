"""What an alert says: its rule's own text, or one made from the rule. Never the patient's answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import asyncpg
import msgspec

from projections.alerts import Rule
from projections.read_api.database import Session
from projections.read_api.language import choose

InstrumentKey = tuple[str, str, str]
"""Study, instrument, version."""

_SIGNS: Final = {">=": "≥", ">": ">", "<=": "≤", "<": "<", "==": "=", "!=": "≠"}
_TRUTHS: Final = {
    True: {"zh": "是", "en": "yes"},
    False: {"zh": "否", "en": "no"},
}


class _Choice(msgspec.Struct):
    value: int | str
    text: dict[str, str]


class _Item(msgspec.Struct):
    id: str
    text: dict[str, str] = {}
    unit: str | None = None
    choices: list[_Choice] = []


class Definition(msgspec.Struct):
    """What is read of a published instrument here."""

    items: list[_Item] = []
    alerts: list[Rule] = []


_decoder: Final = msgspec.json.Decoder(Definition)


async def definitions(session: Session, alerts: Iterable[asyncpg.Record]) -> dict[InstrumentKey, Definition]:
    """The instruments of some alerts; all in one question, for they share a few."""
    keys = sorted({instrument_key(row) for row in alerts})
    if not keys:
        return {}
    rows = await session.rows("definitions", *(list(column) for column in zip(*keys, strict=True)))
    return {(row[0], row[1], row[2]): _decoder.decode(row[3]) for row in rows}


def instrument_key(alert: asyncpg.Record) -> InstrumentKey:
    """Which instrument raised an alert."""
    return alert["study_id"], alert["instrument"], alert["instrument_version"]


def alert_text(definition: Definition, rule_id: str, languages: Sequence[str]) -> str:
    """The text of a rule: ``A fever``, or ``Temperature ≥ 38.3 °C`` where its authors wrote none."""
    rule = next((one for one in definition.alerts if one.id == rule_id), None)
    if rule is None:
        return rule_id
    if rule.text:
        return choose(rule.text, languages)
    item = next((one for one in definition.items if one.id == rule.item), _Item(rule.item))
    named = choose(item.text, languages) or item.id
    value = _value(rule, item, languages)
    unit = f" {item.unit}" if item.unit else ""
    joint = " " if named[-1].isalnum() else " · "  # after a question mark or a bracket
    return f"{named}{joint}{_SIGNS[rule.comparison]} {value}{unit}"


def _value(rule: Rule, item: _Item, languages: Sequence[str]) -> str:
    if isinstance(rule.value, bool):
        return choose(_TRUTHS[rule.value], languages)
    choices: Mapping[int | float | str, dict[str, str]] = {one.value: one.text for one in item.choices}
    if rule.value in choices:
        return choose(choices[rule.value], languages)
    if isinstance(rule.value, float) and rule.value.is_integer():
        return str(int(rule.value))
    return str(rule.value)
