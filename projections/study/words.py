"""The small types of a study file: ids, versions, texts per language, wall times, durations."""

from datetime import time, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_VERSION: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$"
_LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_WALL_TIME: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_DURATION: Final = r"^(0|[1-9][0-9]{0,4})(min|h|d)$"

PATTERNS: Final = {
    _ID: "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit",
    _VERSION: '1 to 32 letters, digits, ".", "_" or "-", in quotes where it looks like a number: "1.0"',
    _LANGUAGE: "a language as in BCP 47, such as zh or de-CH",
    _WALL_TIME: 'a local time, "HH:MM" from "00:00" to "23:59"',
    _DURATION: "elapsed time, such as 30min, 1h or 2d",
}
"""What each pattern of a study file asks for, in words."""

Identifier = Annotated[str, Field(pattern=_ID, description=PATTERNS[_ID])]
Version = Annotated[str, Field(pattern=_VERSION, description=PATTERNS[_VERSION])]
Language = Annotated[str, Field(pattern=_LANGUAGE, description=PATTERNS[_LANGUAGE])]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Texts = Annotated[
    dict[Language, Text], Field(min_length=1, description="A text for every language of the study.")
]
WallTime = Annotated[str, Field(pattern=_WALL_TIME, description=PATTERNS[_WALL_TIME])]
Duration = Annotated[str, Field(pattern=_DURATION, description=PATTERNS[_DURATION])]

_UNITS: Final = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Part(BaseModel):
    """A part of a study file: camelCase names, nothing unknown, no conversions, immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )


def wall_time(text: str) -> time:
    """A ``WallTime`` as a time."""
    return time.fromisoformat(text)


def duration(text: str) -> timedelta:
    """A ``Duration`` as elapsed time."""
    digits = text.rstrip("minhd")
    return int(digits) * _UNITS[text[len(digits) :]]
