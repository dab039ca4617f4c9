"""An instrument as answers are checked against it. Odd answers are flagged for the site, never refused."""

from collections.abc import Callable
from typing import Final

import msgspec

from ingest_gateway.contracts.report import Answer, Report
from projections.alerts import Rules, read_rules

MISSING: Final = "missing"
UNKNOWN_ITEM: Final = "unknown_item"
WRONG_TYPE: Final = "wrong_type"
OUT_OF_RANGE: Final = "out_of_range"
NOT_A_CHOICE: Final = "not_a_choice"
TOO_LONG: Final = "too_long"
RESPONDENT_NOT_ALLOWED: Final = "respondent_not_allowed"

Check = Callable[[Answer], str | None]


class _Choice(msgspec.Struct):
    value: int | str


class _Item(msgspec.Struct, rename="camel"):
    id: str
    type: str
    required: bool = True
    min: float | None = None
    max: float | None = None
    choices: list[_Choice] = []
    max_length: int | None = None


class _Definition(msgspec.Struct):
    items: list[_Item]
    respondents: list[str] = []


class Instrument(msgspec.Struct, frozen=True):
    """What to look at in a report's answers.

    A check per item, the required ones, the allowed respondents, and the rules that raise alerts.
    """

    checks: dict[str, Check]
    required: frozenset[str]
    respondents: frozenset[str]
    rules: Rules

    def flags(self, report: Report) -> dict[str, str]:
        """Item → what is odd about its answer. No answers, no values: these travel and are shown."""
        answers = report.answers
        found: dict[str, str] = {}
        for name, answer in answers.items():
            check = self.checks.get(name)
            if check is None:
                found[name] = UNKNOWN_ITEM
            elif answer is not None and (oddity := check(answer)) is not None:
                found[name] = oddity
        for name in self.required:
            if name not in answers or answers[name] is None:
                found[name] = MISSING
        return found

    def allows(self, report: Report) -> bool:
        """Whether this instrument may be answered by whoever answered; the patient where nobody says."""
        return not self.respondents or (report.respondent or "self") in self.respondents


def read_instrument(definition: str) -> Instrument:
    """Prepare a published definition (JSON, see projections.study.instruments)."""
    read = msgspec.json.decode(definition, type=_Definition)
    return Instrument(
        {item.id: _check(item) for item in read.items},
        frozenset(item.id for item in read.items if item.required),
        frozenset(read.respondents),
        read_rules(definition),
    )


def _check(item: _Item) -> Check:
    if item.type in ("integer", "number"):
        return _number(item)
    if item.type == "choice":
        values = {choice.value for choice in item.choices}
        return lambda answer: None if type(answer) in (int, str) and answer in values else NOT_A_CHOICE
    if item.type == "boolean":
        return lambda answer: None if isinstance(answer, bool) else WRONG_TYPE
    limit = item.max_length

    def text(answer: Answer) -> str | None:
        if not isinstance(answer, str):
            return WRONG_TYPE
        return TOO_LONG if limit is not None and len(answer) > limit else None

    return text


def _number(item: _Item) -> Check:
    low = float("-inf") if item.min is None else item.min
    high = float("inf") if item.max is None else item.max
    whole = item.type == "integer"

    def number(answer: Answer) -> str | None:
        if type(answer) is int:
            return None if low <= answer <= high else OUT_OF_RANGE
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            return WRONG_TYPE
        if whole and not (isinstance(answer, int) or answer.is_integer()):
            return WRONG_TYPE
        return None if low <= answer <= high else OUT_OF_RANGE

    return number
