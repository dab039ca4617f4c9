"""What a study file's shape cannot say: references, ranges, languages, windows that are never empty."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final
from zoneinfo import available_timezones

from projections.study.documents import FieldPath
from projections.study.instruments import (
    AlertRule,
    BooleanItem,
    ChoiceItem,
    Instrument,
    IntegerItem,
    Item,
    NumberItem,
)
from projections.study.model import Schedule, Study, Visit
from projections.study.words import Part, duration, wall_time

MAX_VISITS: Final = 9_999
MAX_GRACE: Final = timedelta(days=60)

Finding = tuple[FieldPath, str]


def check(study: Study) -> Iterator[Finding]:
    """Everything that is wrong in a study file of the right shape, as (path, what)."""
    yield from _texts(study, (), study.languages)
    yield from _repeated(study.languages, ("languages",), "language")
    yield from _repeated([site.id for site in study.sites], ("sites",), "site")
    zones = available_timezones()
    for index, site in enumerate(study.sites):
        if site.time_zone not in zones:
            yield ("sites", index, "timeZone"), "is not an IANA time zone."
    yield from _repeated([instrument.id for instrument in study.instruments], ("instruments",), "instrument")
    for index, instrument in enumerate(study.instruments):
        yield from _instrument(instrument, ("instruments", index))
    yield from _schedule(study.schedule, {instrument.id for instrument in study.instruments})


def _texts(part: object, path: FieldPath, languages: tuple[str, ...]) -> Iterator[Finding]:
    """Every text in every language: a ``Texts`` is the only mapping in a study file."""
    if isinstance(part, dict):
        for language in languages:
            if language not in part:
                yield path, f"has no text in {language!r}, a language of the study."
        for language in part:
            if language not in languages:
                yield (*path, language), "is not among the study's languages."
    elif isinstance(part, tuple):
        for index, item in enumerate(part):
            yield from _texts(item, (*path, index), languages)
    elif isinstance(part, Part):
        for name, field in type(part).model_fields.items():
            yield from _texts(getattr(part, name), (*path, field.alias or name), languages)


def _repeated(names: Iterable[str], path: FieldPath, what: str) -> Iterator[Finding]:
    seen = set()
    for index, name in enumerate(names):
        if name in seen:
            yield (*path, index), f"the {what} {name!r} stands here twice."
        seen.add(name)


def _instrument(instrument: Instrument, path: FieldPath) -> Iterator[Finding]:
    items = {item.id: item for item in instrument.items}
    yield from _repeated([item.id for item in instrument.items], (*path, "items"), "item")
    yield from _repeated(instrument.respondents, (*path, "respondents"), "respondent")
    yield from _repeated([score.id for score in instrument.scoring], (*path, "scoring"), "score")
    yield from _repeated([rule.id for rule in instrument.alerts], (*path, "alerts"), "alert rule")
    for index, item in enumerate(instrument.items):
        yield from _item(item, (*path, "items", index))
    for index, score in enumerate(instrument.scoring):
        here = (*path, "scoring", index)
        yield from _repeated(score.items, (*here, "items"), "item")
        for position, name in enumerate(score.items):
            if name not in items:
                yield (*here, "items", position), f"there is no item {name!r}."
            elif not _is_numeric(items[name]):
                yield (*here, "items", position), f"the item {name!r} has no number to score."
        if score.min_answered is not None and score.min_answered > len(score.items):
            yield (*here, "minAnswered"), "is more than there are items."
    for index, rule in enumerate(instrument.alerts):
        yield from _alert(rule, items.get(rule.item), (*path, "alerts", index))


def _item(item: Item, path: FieldPath) -> Iterator[Finding]:
    if isinstance(item, NumberItem | IntegerItem) and item.min >= item.max:
        yield (*path, "min"), "is not below max."
    if isinstance(item, ChoiceItem):
        values = [choice.value for choice in item.choices]
        if len({type(value) for value in values}) > 1:
            yield (*path, "choices"), "mixes numbers and texts as values."
        yield from _repeated([str(value) for value in values], (*path, "choices"), "value")


def _is_numeric(item: Item) -> bool:
    if isinstance(item, ChoiceItem):
        return all(isinstance(choice.value, int) for choice in item.choices)
    return isinstance(item, NumberItem | IntegerItem)


def _alert(rule: AlertRule, item: Item | None, path: FieldPath) -> Iterator[Finding]:
    """A rule that could never fire protects nobody: it is refused."""
    value, number = rule.value, isinstance(rule.value, int | float) and not isinstance(rule.value, bool)
    if item is None:
        yield (*path, "item"), f"there is no item {rule.item!r}."
    elif _is_numeric(item) and not number:
        yield (*path, "value"), "has to be a number, as the item's answers are."
    elif isinstance(item, BooleanItem) and not isinstance(value, bool):
        yield (*path, "value"), "has to be true or false, as the item's answers are."
    elif not _is_numeric(item) and not isinstance(item, BooleanItem) and not isinstance(value, str):
        yield (*path, "value"), "has to be text, as the item's answers are."
    elif not _is_numeric(item) and rule.comparison not in {"==", "!="}:
        yield (*path, "comparison"), "has to be == or != for an item without numbers."
    elif isinstance(item, ChoiceItem) and not number and value not in {one.value for one in item.choices}:
        yield (*path, "value"), "is not among the item's choices."
    elif isinstance(value, int | float) and not isinstance(value, bool) and not _can_fire(rule, value, item):
        yield (*path, "value"), "no answer in the item's range can meet this rule."


def _can_fire(rule: AlertRule, value: float, item: Item) -> bool:
    if isinstance(item, ChoiceItem):
        answers: list[float] = [choice.value for choice in item.choices if isinstance(choice.value, int)]
    elif isinstance(item, NumberItem | IntegerItem):
        answers = [item.min, item.max]
    else:
        return True
    low, high = min(answers), max(answers)
    possible = value in answers or (not isinstance(item, ChoiceItem) and low <= value <= high)
    return {
        ">=": high >= value,
        ">": high > value,
        "<=": low <= value,
        "<": low < value,
        "==": possible,
        "!=": True,
    }[rule.comparison]


def _schedule(schedule: Schedule, instruments: set[str]) -> Iterator[Finding]:
    yield from _repeated([visit.code for visit in schedule.visits], ("schedule", "visits"), "visit")
    for index, visit in enumerate(schedule.visits):
        yield from _visit(visit, instruments, ("schedule", "visits", index))
    total = sum(len(visit.offsets()) for visit in schedule.visits)
    if total > MAX_VISITS:
        yield ("schedule", "visits"), f"a patient would have {total} visits; {MAX_VISITS} at most."


def _visit(visit: Visit, instruments: set[str], path: FieldPath) -> Iterator[Finding]:
    if (visit.day is None) == (visit.days is None):
        yield path, "needs either day or days."
    elif not visit.offsets():
        yield (*path, "days"), "no day lies between from and to."
    for field, names in (("required", visit.required), ("optional", visit.optional)):
        yield from _repeated(names, (*path, field), "instrument")
        for position, name in enumerate(names):
            if name not in instruments:
                yield (*path, field, position), f"there is no instrument {name!r}."
    for name in set(visit.required) & set(visit.optional):
        yield (*path, "optional"), f"the instrument {name!r} is required already."
    opens = (-visit.opens_days_before, wall_time(visit.opens))
    closes = (visit.closes_days_after, wall_time(visit.closes))
    if closes <= opens:
        yield (*path, "closes"), "is not after opens; for the next day, say closesDaysAfter: 1."
    if duration(visit.grace) > MAX_GRACE:
        yield (*path, "grace"), f"is longer than {MAX_GRACE.days} days."
