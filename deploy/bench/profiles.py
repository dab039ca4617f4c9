"""Where the time goes inside a process: cProfile around the very module that production runs."""

import pstats
from pathlib import Path
from typing import Final

import msgspec

SHOWN: Final = 25
_HERE: Final = str(Path(__file__).parents[2])


class Line(msgspec.Struct, frozen=True):
    """One function: its own time and that with what it calls, in µs a report, and its calls a report.

    The profiler adds its own cost to every call, so read it as proportions.
    """

    function: str
    own_us: float
    with_callees_us: float
    calls: float


class Profile(msgspec.Struct, frozen=True):
    """The most expensive functions of a process, by their own time."""

    part: str
    reports: int
    lines: list[Line]


def profiled(module: str, output: Path) -> list[str]:
    """What to run so that a module writes its profile when it ends in an orderly way."""
    return ["-m", "cProfile", "-o", str(output), "-m", module]


def read_profile(part: str, output: Path, reports: int) -> Profile:
    """Read what a profiled process wrote; waiting for events is not work and is left out."""
    stats = pstats.Stats(str(output)).stats  # type: ignore[attr-defined]  # its documented content
    lines = [
        Line(
            _name(*where),
            round(own / reports * 1e6, 2),
            round(total / reports * 1e6, 2),
            round(calls / reports, 2),
        )
        for where, (_, calls, own, total, _) in stats.items()
        if not _waits(where[2])
    ]
    lines.sort(key=lambda line: -line.own_us)
    return Profile(part, reports, lines[:SHOWN])


def _waits(function: str) -> bool:
    return any(word in function for word in ("run_until_complete", "'poll' of 'select", "run_forever"))


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    where = file.removeprefix(f"{_HERE}/").rpartition("site-packages/")[2]
    return f"{where}:{line} {function}"
