"""Reading the parts' logs: their ends, and what is added to them."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy.local.announce import tail

_EVERY_S: Final = 0.2


def print_ends(logs: Mapping[str, Path], lines: int, write: Callable[[str], None]) -> None:
    """Write the last lines of each log, under its part's name where there are several."""
    for part, file in logs.items():
        for line in tail(file, lines) if lines else ():
            write(_labelled(part, line, logs))


def follow(logs: Mapping[str, Path], write: Callable[[str], None]) -> None:
    """Write what is added to the logs, until interrupted. A log that was put aside is followed anew."""
    places = {part: _size(file) for part, file in logs.items()}
    rests = dict.fromkeys(logs, "")
    while True:
        for part, file in logs.items():
            size = _size(file)
            if size < places[part]:
                places[part] = 0
            if size > places[part]:
                text = rests[part] + _read(file, places[part], size)
                places[part] = size
                *complete, rests[part] = text.split("\n")
                for line in complete:
                    write(_labelled(part, line, logs))
        time.sleep(_EVERY_S)


def _labelled(part: str, line: str, logs: Mapping[str, Path]) -> str:
    return line if len(logs) == 1 else f"{part:<10} {line}"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _read(file: Path, start: int, end: int) -> str:
    with file.open("rb") as log:
        log.seek(start)
        return log.read(end - start).decode(errors="replace")
