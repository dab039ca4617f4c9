"""When each report of a burst is sent: fixed before the first one goes out (an open loop).

Each function returns ``count`` offsets in seconds from the start, ascending, within [0, seconds).
"""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

Arrivals = Callable[[int, float, Random], list[float]]

_STEEPNESS: Final = 3.0


def uniform(count: int, seconds: float, random: Random) -> list[float]:
    """Independent phones, every moment as likely as the next."""
    return sorted(random.random() * seconds for _ in range(count))


def peaked(count: int, seconds: float, random: Random) -> list[float]:
    """The alarm rings for everybody at once: the rate starts at three times the mean and fades.

    A truncated exponential distribution, drawn by inverting its cumulative distribution.
    """
    kept = 1.0 - math.exp(-_STEEPNESS)
    return sorted(-math.log1p(-random.random() * kept) / _STEEPNESS * seconds for _ in range(count))


PROFILES: Final[Mapping[str, Arrivals]] = {"uniform": uniform, "peaked": peaked}
