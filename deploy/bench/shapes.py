"""How reports are offered, and how figures of several rounds are told."""

from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """How reports are offered: so many a second, for all who are measured the same."""

    name: str
    rate: float


SHAPES: Final = (
    Shape("as fast as it goes", 40_000.0),
    Shape("20,000 in 10 s", 2_000.0),
)
"""The first one decides: it offers more than a core takes, so nobody pays for waking up."""


class Spread(msgspec.Struct, frozen=True):
    """The median of some rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest."""
    return Spread(round(median(values), 4), round(min(values), 4), round(max(values), 4))
