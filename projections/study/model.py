"""The study file: purpose, sites, instruments and the schedule. ``schema.json`` is generated from here."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from projections.schedule import VisitRule
from projections.study.instruments import Instrument
from projections.study.words import (
    Duration,
    Identifier,
    Language,
    Line,
    Part,
    Texts,
    Version,
    WallTime,
    duration,
    wall_time,
)

SCHEMA_FILE: Final = Path(__file__).with_name("schema.json")
DayOffset = Annotated[int, Field(ge=-3650, le=3650)]
Purpose = Literal["production", "uat", "training"]


class Site(Part):
    """Where patients are treated. Its zone is that of its patients, unless enrolment says otherwise."""

    id: Identifier
    name: Line
    time_zone: Annotated[str, Field(description="An IANA zone, such as Europe/Berlin.")]


class Days(Part):
    """Every so many days from one day offset to another, both included."""

    first: DayOffset = Field(alias="from")
    last: DayOffset = Field(alias="to")
    every: Annotated[int, Field(ge=1, le=3650)] = 1


class Visit(Part):
    """One line of the schedule: when it falls, its window in the patient's wall time, what it asks for.

    ``day`` and ``days`` are offsets from the anchor; exactly one of them is given. A report recorded within
    ``grace`` after the window closed is late, later ones don't complete the visit.
    """

    code: Identifier
    name: Texts
    anchor: Literal["startDate"] = "startDate"
    day: DayOffset | None = None
    days: Days | None = None
    opens: WallTime
    opens_days_before: Annotated[int, Field(ge=0, le=60)] = 0
    closes: WallTime
    closes_days_after: Annotated[int, Field(ge=0, le=60)] = 0
    grace: Duration = "0h"
    required: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    optional: tuple[Identifier, ...] = ()

    def offsets(self) -> tuple[int, ...]:
        """The day offsets it falls on, ascending."""
        if self.days is None:
            return () if self.day is None else (self.day,)
        return tuple(range(self.days.first, self.days.last + 1, self.days.every))

    def rule(self) -> VisitRule:
        """The same, as the schedule plans with it."""
        return VisitRule(
            code=self.code,
            days=self.offsets(),
            opens=wall_time(self.opens),
            closes=wall_time(self.closes),
            grace=duration(self.grace),
            required=self.required,
            optional=self.optional,
            opens_days_before=self.opens_days_before,
            closes_days_after=self.closes_days_after,
        )


class Schedule(Part):
    """The visits of everybody enrolled under this version; a published version never changes."""

    version: Version
    visits: Annotated[tuple[Visit, ...], Field(min_length=1, max_length=200)]


class Study(Part):
    """One version of a study. Its purpose is chosen once, for ever."""

    study_id: Identifier
    version: Version
    purpose: Purpose
    title: Texts
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    sites: Annotated[tuple[Site, ...], Field(min_length=1, max_length=10_000)]
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1, max_length=200)]
    schedule: Schedule

    def rules(self) -> list[VisitRule]:
        """The schedule as it is planned with."""
        return [visit.rule() for visit in self.schedule.visits]


def document(part: Part) -> dict[str, Any]:
    """A part as it is stored: JSON values, camelCase, defaults written out."""
    return part.model_dump(mode="json", by_alias=True)


def json_schema() -> str:
    """The JSON Schema of a study file, as published in ``schema.json``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:eightbells:study-file:1",
        **Study.model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
