"""Structured logs: JSON off a terminal, readable lines on one. Never a report's content."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

import orjson
from rich.console import Console
from rich.logging import RichHandler

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_QUIET_S = 10.0
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``part``, ``logger``, ``event`` and the record's ``extra``.

    An exception is logged as its types and code positions, without messages: those may quote data.
    """

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe_exception(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


class ReadableFormatter(logging.Formatter):
    """A line for a person; an exception as in ``JsonFormatter``."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging's name
        """The chain of exceptions in one line."""
        return " <- ".join(describe_exception(ei[1])) if ei[1] else ""


def describe_exception(error: BaseException) -> list[str]:
    """The chain of exception types, each with where it was raised."""
    described = []
    link: BaseException | None = error
    while link is not None:
        frames = traceback.extract_tb(link.__traceback__)
        where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        described.append(f"{type(link).__module__}.{type(link).__qualname__}{where}")
        link = link.__cause__ or link.__context__
    return described


class OncePer(logging.Filter):
    """Lets a line of one library's loggers through once in so many seconds, however its details differ.

    During an outage a client library repeats the same line many times a second.
    """

    def __init__(self, seconds: float, library: str) -> None:
        super().__init__(library)
        self._seconds = seconds
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is another's, or the first from its place in the code for that long."""
        if not super().filter(record):
            return True
        place = record.pathname, record.lineno
        if record.created - self._last.get(place, -self._seconds) < self._seconds:
            return False
        self._last[place] = record.created
        return True


def configure_logging(part: str, level: str = "INFO") -> None:
    """Send every log record of this process to standard error, in the form that suits the reader there."""
    handler: logging.Handler
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(ReadableFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter(part))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True
    # Below a warning, each server of a process tells of its start and end, and of URLs with their queries.
    for library in ("uvicorn.error", "aiokafka"):
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
    handler.addFilter(OncePer(_QUIET_S, "aiokafka"))
    logging.captureWarnings(capture=True)
