"""Where the time goes inside a process: cProfile around the very module that runs otherwise."""

import pstats
from pathlib import Path
from typing import Final

import msgspec

SHOWN: Final = 25
_NOISE: Final = "<method 'disable' of '_lsprof.Profiler' objects>"
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
    """What to run so that a module writes its profile when it ends."""
    return ["-m", "deploy.bench.profiled", str(output), module]


def read_profile(part: str, output: Path) -> Profile:
    """Read what a profiled process wrote.

    Not in it is what has no frame: the event loop with its system calls for reading and waiting. Reports
    are counted by ``decode_report``, which every stage calls once for each.
    """
    stats = pstats.Stats(str(output)).stats  # type: ignore[attr-defined]  # its documented content
    reports = max(1, sum(calls for where, (_, calls, *_) in stats.items() if where[2] == "decode_report"))
    lines = [
        Line(
            _name(*where),
            round(own / reports * 1e6, 2),
            round(total / reports * 1e6, 2),
            round(calls / reports, 2),
        )
        for where, (_, calls, own, total, _) in stats.items()
        if where[2] != _NOISE
    ]
    lines.sort(key=lambda line: -line.own_us)
    return Profile(part, reports, lines[:SHOWN])


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    where = file.removeprefix(f"{_HERE}/").rpartition("site-packages/")[2]
    return f"{where}:{line} {function}"
