"""Who is to be enrolled: a CSV file, checked whole before anything is done with it."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import available_timezones

import msgspec

REQUIRED: Final = ("patientId", "siteId")
COLUMNS: Final = (*REQUIRED, "startDate", "timeZone", "consentDate", "username", "name", "contact")
FIRST_YEAR, LAST_YEAR = 2000, 2100

_PATIENT_ID = re.compile(r"[^\W_][\w.-]{0,63}")
_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9._@+-]{0,63}")
_MAX_TEXT: Final = 500


class CohortLine(msgspec.Struct, frozen=True, gc=False):
    """One patient to enrol. ``line`` is the CSV's, from 1; dates are local to ``time_zone``."""

    line: int
    patient_id: str
    site_id: str
    time_zone: str
    start_date: date
    consent_date: date
    username: str | None
    name: str | None
    contact: str | None


class BadLine(msgspec.Struct, frozen=True, order=True):
    """What is wrong with one line; the message holds ids, never a name or a contact."""

    line: int
    message: str


class CohortError(ValueError):
    """The CSV is wrong, and nothing was enrolled; the message has a line for each finding."""

    exit_code = 2

    def __init__(self, file: Path | str, findings: list[BadLine]) -> None:
        self.findings = sorted(findings)
        told = "\n".join(f"{file}:{one.line}: {one.message}" for one in self.findings)
        super().__init__(
            f"nobody was enrolled; the file has {len(findings)} error{'s'[: len(findings) > 1]}:\n{told}"
        )


def parse_cohort(
    content: bytes, file: Path | str, sites: Mapping[str, str], start: date | None = None
) -> list[CohortLine]:
    """Read a cohort: comma-separated, UTF-8 with or without a byte order mark, the first line names columns.

    Args:
        content: the file's bytes.
        file: its name, for messages.
        sites: the study's, with their zones.
        start: the start date of everybody whose line has none.

    Returns:
        The patients in the order of the file.

    Raises:
        CohortError: with every bad line.
    """
    text = _decode(content, file)
    rows = _rows(text, file)
    header_line, header = next(rows, (1, []))
    columns = [name.strip() for name in header]
    if problems := list(_header_problems(columns, start)):
        raise CohortError(file, [BadLine(header_line, problem) for problem in problems])
    check = _LineCheck(sites, start)
    cohort: list[CohortLine] = []
    findings: list[BadLine] = []
    for line, cells in rows:
        if len(cells) != len(columns):
            findings.append(BadLine(line, f"has {len(cells)} cells, the header has {len(columns)}."))
            continue
        problems, patient = check(line, dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
        findings += [BadLine(line, problem) for problem in problems]
        if patient is not None:
            cohort.append(patient)
    if not cohort and not findings:
        findings.append(BadLine(header_line, "names the columns, but no patient follows."))
    if findings:
        raise CohortError(file, findings)
    return cohort


def _decode(content: bytes, file: Path | str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CohortError(file, [BadLine(line, "is not UTF-8; export the file as CSV in UTF-8.")]) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CohortError(file, [BadLine(line, "holds a NUL character.")])
    return text


def _rows(text: str, file: Path | str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, with the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CohortError(file, [BadLine(before + 1, f"is not CSV: {error}.")]) from None
        if cells is None:
            return
        line, before = before + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            yield line, cells


def _header_problems(columns: list[str], start: date | None) -> Iterator[str]:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        yield "the cells have to be separated by commas."
        return
    needed = REQUIRED if start is not None else (*REQUIRED, "startDate")
    for name in needed:
        if name not in columns:
            yield f"the column {name} is missing."
    for name in sorted(set(columns) - set(COLUMNS)):
        yield f"there is no column {name[:40]!r}; there are {', '.join(COLUMNS)}."
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        yield f"the column {name[:40]!r} stands twice."


class _LineCheck:
    """Checks lines one after the other; remembers what must not come twice."""

    def __init__(self, sites: Mapping[str, str], start: date | None) -> None:
        self._sites = sites
        self._start = start
        self._zones = available_timezones()
        self._dates: dict[str, date | None] = {"": None}
        self._patients: dict[str, int] = {}
        self._usernames: dict[str, int] = {}

    def __call__(self, line: int, cells: dict[str, str]) -> tuple[list[str], CohortLine | None]:
        problems = [*self._identities(line, cells), *self._place(cells), *_texts(cells)]
        started = self._date(cells, "startDate", problems) or self._start
        consented = self._date(cells, "consentDate", problems) or started
        if started is None and not cells.get("startDate"):
            problems.append("startDate is missing.")
        if started and consented and consented > started:
            problems.append("consentDate is after the start date.")
        if problems or started is None or consented is None:
            return problems, None
        return [], CohortLine(
            line=line,
            patient_id=cells["patientId"],
            site_id=cells["siteId"],
            time_zone=cells.get("timeZone") or self._sites[cells["siteId"]],
            start_date=started,
            consent_date=consented,
            username=cells.get("username") or None,
            name=cells.get("name") or None,
            contact=cells.get("contact") or None,
        )

    def _identities(self, line: int, cells: dict[str, str]) -> Iterator[str]:
        patient_id, username = cells["patientId"], cells.get("username", "")
        if not _PATIENT_ID.fullmatch(patient_id) or not unicodedata.is_normalized("NFC", patient_id):
            yield "patientId has to be 1 to 64 letters, digits and . _ -, beginning with a letter or digit."
        elif (first := self._patients.setdefault(patient_id, line)) != line:
            yield f"patient {patient_id} stands on line {first} already."
        if username and not _USERNAME.fullmatch(username):
            yield "username has to be 1 to 64 of A-Z, a-z, 0-9 and . _ @ + -, beginning with a letter."
        elif username and (first := self._usernames.setdefault(username, line)) != line:
            yield f"the username stands on line {first} already."

    def _place(self, cells: dict[str, str]) -> Iterator[str]:
        if not cells["siteId"]:
            yield "siteId is missing."
        elif cells["siteId"] not in self._sites:
            yield f"the study has no site {cells['siteId'][:64]!r}."
        if (zone := cells.get("timeZone")) and zone not in self._zones:
            yield "timeZone is not an IANA time zone, such as Asia/Shanghai."

    def _date(self, cells: dict[str, str], column: str, problems: list[str]) -> date | None:
        text = cells.get(column, "")
        if text not in self._dates:
            try:
                day = date.fromisoformat(text) if len(text) == 10 else None
            except ValueError:
                day = None
            self._dates[text] = day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None
        if text and self._dates[text] is None:
            problems.append(
                f"{column} is not a date as 2026-11-22, of the years {FIRST_YEAR} to {LAST_YEAR}."
            )
        return self._dates[text]


def _texts(cells: dict[str, str]) -> Iterator[str]:
    for column in ("name", "contact"):
        text = cells.get(column, "")
        if len(text) > _MAX_TEXT:
            yield f"{column} is longer than {_MAX_TEXT} characters."
        elif not text.isprintable() and any(
            unicodedata.category(character) == "Cc" and character not in "\r\n\t" for character in text
        ):
            yield f"{column} holds a control character."
