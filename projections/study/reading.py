"""Read a study file, YAML or JSON, and say where it is wrong: by line, and by path."""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from projections.study.checks import check
from projections.study.documents import MAX_DEPTH, FieldPath, Json, Unreadable, read_document
from projections.study.model import Study
from projections.study.words import PATTERNS


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong. ``line`` counts from 1; it is None where the format tells no lines."""

    path: FieldPath
    message: str
    line: int | None = None


class StudyFileError(ValueError):
    """A study file is wrong; the message has a line for each finding, as ``file:line: path: what``."""

    exit_code = 2

    def __init__(self, file: Path, findings: list[Finding]) -> None:
        self.findings = findings
        told = "\n".join(_sentence(file, finding) for finding in findings)
        super().__init__(f"the study file has {len(findings)} error{'s'[: len(findings) > 1]}:\n{told}")


def read_study(file: Path) -> Study:
    """Read and check a study file; ``.json`` is read as JSON, anything else as YAML.

    Raises:
        StudyFileError: it can't be read, or with everything that is wrong in it.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StudyFileError(file, [Finding((), f"cannot be read ({error.strerror}).")]) from None
    return parse_study(content, file)


def parse_study(content: bytes, file: Path) -> Study:
    """The same for content at hand; ``file`` names it and tells its format.

    Raises:
        StudyFileError: with everything that is wrong.
    """
    lines: dict[FieldPath, int] = {}
    try:
        data = read_document(content, file, lines)
        findings = list(_bad_texts(data, ()))
        study = None if findings else Study.model_validate_json(json.dumps(data))
    except Unreadable as error:
        raise StudyFileError(file, [Finding(error.path, error.message, error.line)]) from None
    except ValidationError as error:
        study, findings = None, _explain(error, data)
    if study is not None:
        findings = [Finding(path, message) for path, message in check(study)]
    if study is None or findings:
        raise StudyFileError(file, [_with_line(finding, lines) for finding in findings])
    return study


def _bad_texts(value: Json, path: FieldPath) -> Iterator[Finding]:
    """Characters that PostgreSQL, terminals or spreadsheets would stumble over: controls, lone surrogates."""
    if len(path) > MAX_DEPTH:
        yield Finding(path[:3], "is nested too deeply.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _bad_texts(key, path)
            yield from _bad_texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _bad_texts(item, (*path, index))
    elif isinstance(value, str) and any(_is_bad(character) for character in value):
        yield Finding(path, "holds a control character or half a surrogate pair.")


def _is_bad(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"


def _explain(error: ValidationError, data: Json) -> list[Finding]:
    found: dict[Finding, str] = {}
    for one in error.errors(include_url=False, include_input=False):
        path = _real_path(one["loc"], data)
        found[Finding(path, _plainly(one["type"], one["msg"], one.get("ctx", {})))] = one["type"]
    paths = {finding.path for finding in found}
    return [
        finding
        for finding, kind in found.items()
        if not (kind == "too_short" and any(_is_inside(path, finding.path) for path in paths))
    ]


def _is_inside(path: FieldPath, outer: FieldPath) -> bool:
    """A list is also called too short when its elements are wrong: that says nothing new."""
    return len(path) > len(outer) and path[: len(outer)] == outer


def _plainly(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return f"has to be {PATTERNS[context['pattern']]}."
    if kind in {"too_short", "too_long"}:
        bound = (
            f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        )
        return f"has to have {bound} element{'' if bound.endswith(' 1') else 's'}."
    return _PLAINLY.get(kind) or f"{message[:1].lower()}{message[1:]}."


_PLAINLY: Final = {
    "extra_forbidden": "is not a field of a study file.",
    "missing": "is missing.",
    "string_type": "has to be text; put it in quotes.",
    "union_tag_not_found": "needs a type: number, integer, choice, text or boolean.",
    "union_tag_invalid": "has an unknown type; there are number, integer, choice, text and boolean.",
}


def _real_path(location: FieldPath, data: Json) -> FieldPath:
    """Pydantic's location without the steps it adds for the members of a union and for keys."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(data, dict) and isinstance(step, str) and (step in data or last):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _with_line(finding: Finding, lines: dict[FieldPath, int]) -> Finding:
    path = finding.path
    while path and path not in lines:
        path = path[:-1]
    return Finding(finding.path, finding.message, finding.line or lines.get(path))


def _sentence(file: Path, finding: Finding) -> str:
    where = f"{file}:{finding.line}" if finding.line else str(file)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in finding.path).lstrip(".")
    return f"{where}: {path}: {finding.message}" if path else f"{where}: {finding.message}"
