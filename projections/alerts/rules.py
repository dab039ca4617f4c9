"""A study's alert rules against a report's answers. Prepared once for each version of an instrument."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from ingest_gateway.contracts.report import Answer

NAMESPACE: Final = UUID("5f3d085a-039e-510d-8c60-5339a01184ea")
"""Of every alert's id, for ever: another one would raise every alert again at the next replay. It is itself
the UUIDv5 of ``urn:eightbells:alerts:1`` in the namespace of URLs."""

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMBER: Final = frozenset({int, float})
_BOOLEAN: Final = frozenset({bool})
_TEXT: Final = frozenset({str})


class Rule(msgspec.Struct, frozen=True):
    """A rule as the study file has it; ``text`` by language, where its authors wrote one."""

    id: str
    item: str
    comparison: str
    value: bool | int | float | str
    level: str
    text: dict[str, str] | None = None


_Prepared = tuple[str, frozenset[type], Callable[[Any, Any], bool], Any, Rule]
"""Item, types it compares with, comparison, value: a plain tuple, for every report is held against each."""


class Rules:
    """The rules of one version of an instrument."""

    __slots__ = ("_prepared",)

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._prepared: tuple[_Prepared, ...] = tuple(
            (rule.item, _types(rule.value), _COMPARE[rule.comparison], rule.value, rule) for rule in rules
        )

    def met(self, answers: Mapping[str, Answer]) -> tuple[Rule, ...]:
        """The rules that these answers meet, in the order of the study file.

        A rule compares like with like: numbers with a number, yes or no with yes or no, text with text. A
        missing or null answer, and one of another type, meets no rule, not even ``!=``. An answer out of the
        item's range is compared like any other: a temperature of 99 is worth a look.
        """
        met: tuple[Rule, ...] = ()
        for item, types, compare, value, rule in self._prepared:
            answer = answers.get(item)
            if type(answer) in types and compare(answer, value):
                met = (*met, rule)
        return met


class _Definition(msgspec.Struct):
    alerts: list[Rule] = []


_decoder: Final = msgspec.json.Decoder(_Definition)


def read_rules(definition: str | bytes) -> Rules:
    """Prepare the rules of a published definition (JSON, see projections.study.instruments)."""
    return Rules(_decoder.decode(definition).alerts)


def alert_id(patient_id: str, report_id: str, instrument: str, rule_id: str, claim: str = "") -> UUID:
    """The id of the alert that a patient's report raises by a rule: always the same.

    UUIDv5 of the four, in this order, with a NUL between them, which none of them can hold. Rules are told
    apart by their instrument, not by its version.

    Args:
        patient_id: as enrolled.
        report_id: in lower case.
        instrument: the report's.
        rule_id: unique in its instrument.
        claim: "" for a report that may speak for the patient. Else who sent it, or that nobody knows who:
            it then makes a fifth part, so that what a stranger sends cannot take the place of the alert that
            the patient's own report of that id will raise.
    """
    parts = (patient_id, report_id, instrument, rule_id, *([claim] if claim else []))
    return uuid5(NAMESPACE, "\0".join(parts))


def _types(value: bool | int | float | str) -> frozenset[type]:
    if isinstance(value, bool):
        return _BOOLEAN
    return _TEXT if isinstance(value, str) else _NUMBER
