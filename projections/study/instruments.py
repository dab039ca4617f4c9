"""Instruments as a study file describes them: items, scoring, and the rules that raise alerts."""

from typing import Annotated, Literal

from pydantic import Field

from projections.study.words import Identifier, Line, Part, Text, Texts, Version

Respondent = Literal["self", "caregiver", "interviewer"]
Comparison = Literal[">=", ">", "<=", "<", "==", "!="]
Level = Literal["routine", "urgent", "critical"]


class _Item(Part):
    id: Identifier
    text: Texts
    required: bool = True


class NumberItem(_Item):
    """A number, with or without decimals."""

    type: Literal["number"]
    min: float
    max: float
    unit: Line | None = None


class IntegerItem(_Item):
    """A whole number."""

    type: Literal["integer"]
    min: int
    max: int
    unit: Line | None = None


class Choice(Part):
    """One answer of a choice; ``value`` is what a report carries."""

    value: int | Annotated[str, Field(min_length=1, max_length=64)]
    text: Texts


class ChoiceItem(_Item):
    """One of several given answers."""

    type: Literal["choice"]
    choices: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=100)]


class TextItem(_Item):
    """Free text."""

    type: Literal["text"]
    max_length: Annotated[int, Field(ge=1, le=10_000)] = 2000


class BooleanItem(_Item):
    """Yes or no."""

    type: Literal["boolean"]


Item = Annotated[NumberItem | IntegerItem | ChoiceItem | TextItem | BooleanItem, Field(discriminator="type")]


class Score(Part):
    """A figure computed from answers; with fewer than ``min_answered`` of them there is none."""

    id: Identifier
    method: Literal["sum", "mean"]
    items: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    min_answered: Annotated[int, Field(ge=1)] | None = None


class AlertRule(Part):
    """Raises an alert of ``level`` where an answer compares so with ``value``."""

    id: Identifier
    item: Identifier
    comparison: Comparison
    value: bool | int | float | Line
    level: Level
    text: Texts | None = None


class Instrument(Part):
    """A questionnaire in one version; a published version never changes."""

    id: Identifier
    version: Version
    title: Texts
    copyright: Text | None = Field(None, description="The credit line its owners ask for; shown with it.")
    recall_period: Texts | None = Field(None, description="What period the questions are about.")
    respondents: Annotated[tuple[Respondent, ...], Field(min_length=1)] = ("self",)
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=200)]
    scoring: tuple[Score, ...] = ()
    alerts: tuple[AlertRule, ...] = ()
