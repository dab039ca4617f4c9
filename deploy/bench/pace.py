"""How fast this machine is just now, by a piece of work that everybody can repeat."""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

import msgspec

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import verify
from loadtest.reports import Assignment

GOALS_WERE_SET_AT_US: Final = 40.0
"""What verifying a token with PyJWT took on the machine on which the goals were set (34 to 50 µs)."""

_TOKENS: Final = 500
_ROUNDS: Final = 5


class Pace(msgspec.Struct, frozen=True):
    """CPU in µs to verify a token with PyJWT, on an otherwise idle system of the benchmark's own."""

    token_us: float

    @property
    def slowness(self) -> float:
        """How many times slower than the machine on which the goals were set."""
        return self.token_us / GOALS_WERE_SET_AT_US


def measure_pace(
    assignment: Assignment, keys: KeyRing, now: float, cpu_clock: Callable[[], float] = time.process_time
) -> Pace:
    """Verify a token many times over; the median of some rounds."""
    costs = []
    for _ in range(_ROUNDS):
        begun = cpu_clock()
        for _ in range(_TOKENS):
            verify(assignment.token, keys, now)
        costs.append((cpu_clock() - begun) / _TOKENS * 1e6)
    return Pace(round(median(costs), 1))
