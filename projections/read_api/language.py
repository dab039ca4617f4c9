"""Texts in the reader's language: the first of Accept-Language that there is, else Chinese."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Depends, Request

DEFAULT: Final = "zh"
_MOST: Final = 20


def preferred(header: str) -> list[str]:
    """The languages of an Accept-Language header, best first, in lower case; ``*`` and q=0 left out."""
    weighted = []
    for position, part in enumerate(header.lower().split(",")[:_MOST]):
        tag, _, parameters = part.strip().partition(";")
        weight = _weight(parameters)
        if tag and tag != "*" and weight > 0:
            weighted.append((-weight, position, tag.strip()))
    return [tag for _, _, tag in sorted(weighted)]


def choose(texts: Mapping[str, str], languages: Sequence[str]) -> str:
    """The text in the best language: an exact match or the same main language, else Chinese, else any."""
    by_main = {tag.lower().partition("-")[0]: text for tag, text in reversed(list(texts.items()))}
    exact = {tag.lower(): text for tag, text in texts.items()}
    for language in languages:
        found = exact.get(language) or by_main.get(language.partition("-")[0])
        if found is not None:
            return found
    return by_main.get(DEFAULT) or next(iter(texts.values()), "")


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _languages(request: Request) -> list[str]:
    return preferred(request.headers.get("accept-language", ""))


Languages = Annotated[list[str], Depends(_languages)]
