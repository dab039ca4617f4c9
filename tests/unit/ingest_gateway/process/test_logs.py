"""Logs are JSON a line, and never hold what an exception quotes."""

import json
import logging
import subprocess
import sys

import pytest

from ingest_gateway.process.logs import JsonFormatter, OncePer, ReadableFormatter


def record_of(error: Exception | None = None, **extra: object) -> logging.LogRecord:
    info = None
    if error is not None:
        try:
            raise error
        except ValueError:
            info = sys.exc_info()
    return logging.getLogger("part.of.it").makeRecord(
        "part.of.it", logging.ERROR, __file__, 1, "batch %s refused", ("7",), info, extra=extra
    )


def test_a_line_is_json_with_its_part_and_extras() -> None:
    line = json.loads(JsonFormatter("worker").format(record_of(partition=3)))
    assert line["event"] == "batch 7 refused"
    assert (line["part"], line["level"], line["partition"]) == ("worker", "error", 3)


@pytest.mark.parametrize("formatter", [JsonFormatter("worker"), ReadableFormatter("%(message)s")])
def test_an_exceptions_message_is_not_logged(formatter: logging.Formatter) -> None:
    line = formatter.format(record_of(ValueError("pain is 3")))
    assert "pain" not in line
    assert "ValueError" in line


def test_a_line_that_repeats_is_let_through_once_in_a_while() -> None:
    quiet = OncePer(10, "part.of")
    records = [record_of(attempt=number) for number in range(4)]
    for record, at in zip(records, (0.0, 1.0, 9.9, 10.0), strict=True):
        record.created = at
    assert [quiet.filter(record) for record in records] == [True, False, False, True]


def test_lines_of_others_are_not_held_back() -> None:
    quiet = OncePer(10, "aiokafka")
    assert [quiet.filter(record_of()) for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("DEBUG", ["ours info", "ours error", "uvicorn.error error", "aiokafka.client error"]),
        ("ERROR", ["ours error", "uvicorn.error error", "aiokafka.client error"]),
    ],
)
def test_libraries_are_heard_from_a_warning_on_and_never_below_the_level_that_was_asked_for(
    level: str, heard: list[str]
) -> None:
    program = f"""
import logging
from ingest_gateway.process.logs import configure_logging
configure_logging("worker", {level!r})
for name in ("ours", "uvicorn.error", "aiokafka.client"):
    for line in ("info", "error"):
        getattr(logging.getLogger(name), line)("%s %s", name, line)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == heard
