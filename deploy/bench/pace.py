"""How fast this machine is just now, by a piece of work that everybody can repeat.

The goal for the whole way was set on one machine, of which little more is known than what PyJWT took there.
Verifying a token is what most of a report's time is as well: interpreted Python and a little hashing. It says
nothing about system calls or the broker, so what is divided by it is an estimate, and the page says so.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import verify

GOALS_WERE_SET_AT_US: Final = 40.0
"""What verifying a token with PyJWT took on the machine on which the goals were set (34 to 50 µs)."""

_TOKENS: Final = 200
_SAMPLES: Final = 7

Pace = Callable[[], float]
"""Measures, when called, how long PyJWT takes to verify a token: CPU in µs."""


def slowness(token_us: float) -> float:
    """How many times slower than the machine on which the goals were set."""
    return token_us / GOALS_WERE_SET_AT_US


def pace_of(
    token: str, keys: KeyRing, now: float, cpu_clock: Callable[[], float] = time.process_time
) -> Pace:
    """A measurement to be repeated around each round: a machine's pace may change within minutes."""

    def sample() -> float:
        begun = cpu_clock()
        for _ in range(_TOKENS):
            verify(token, keys, now)
        return (cpu_clock() - begun) / _TOKENS * 1e6

    def measure() -> float:
        """The median of some samples, after one that warms up."""
        return round(median([sample() for _ in range(1 + _SAMPLES)][1:]), 1)

    return measure
