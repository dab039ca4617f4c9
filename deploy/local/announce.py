"""What a starting or running stack tells its operator: a line for each part, and loudly when one dies."""

import contextlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TextIO

import msgspec

Kind = Literal["progress", "done", "warning", "failed", "ready", "stopped"]
_MARKS: Final = {"done": ("✓", "32"), "warning": ("!", "33"), "failed": ("✗", "31"), "stopped": ("·", "90")}
_CLEAR: Final = "\r\x1b[K"


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a part. ``exit_code`` is set on ``failed``: what ``up`` ends with."""

    kind: Kind
    part: str
    text: str
    exit_code: int = 0


Announce = Callable[[Event], None]


def to_all(*listeners: Announce) -> Announce:
    """Tell several."""

    def announce(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return announce


class Console:
    """Lines for a person; colour, and progress that overwrites itself, only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._colour = self._terminal and "NO_COLOR" not in os.environ

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if event.kind == "ready":
            return
        if event.kind == "progress":
            if self._terminal:
                self._write(f"{_CLEAR}  … {event.part}: {event.text}")
            return
        mark, colour = _MARKS[event.kind]
        if self._colour:
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        self._write(f"{_CLEAR if self._terminal else ''}  {mark} {event.part}: {event.text}\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal is gone; the stack is not to stop for that
            return


class LogFile:
    """A line for each event, with its time, in the supervisor's own log."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if event.kind != "progress":
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            with contextlib.suppress(OSError):  # a full disk is not to stop the stack either
                os.write(self._descriptor, f"{at} {event.kind} {event.part}: {event.text}\n".encode())


class Pipe:
    """Events as JSON lines, for the command that waits for a detached stack. It may stop listening."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def __call__(self, event: Event) -> None:
        """Write one event; close after the last one anybody waits for."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, msgspec.json.encode(event) + b"\n")
        except OSError:
            event = Event("failed", event.part, event.text)
        if event.kind in ("ready", "failed"):
            os.close(self._descriptor)
            self._descriptor = None


def tail(file: Path, lines: int) -> list[str]:
    """A log's last lines."""
    try:
        with file.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 64 * 1024))
            return log.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def console() -> Console:
    """Progress goes to standard error: standard output is for answers."""
    return Console(sys.stderr)
