"""A file's bytes as plain data, from YAML or JSON, with the line on which each field stands."""

import json
import math
import re
from pathlib import Path
from typing import Final

import yaml

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 50
_TAG: Final = "tag:yaml.org,2002:"

FieldPath = tuple[str | int, ...]
Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


class Unreadable(Exception):
    """The bytes are neither JSON nor YAML as we read it. ``line`` counts from 1, None where unknown."""

    def __init__(self, message: str, line: int | None = None, path: FieldPath = ()) -> None:
        self.message, self.line, self.path = message, line, path
        super().__init__(message)


def read_document(content: bytes, file: Path, lines: dict[FieldPath, int]) -> dict[str, Json]:
    """Read a mapping; ``.json`` is read as JSON, anything else as YAML.

    YAML is read by the rules of its version 1.2: ``no``, ``on`` and ``20:00`` are texts. Aliases are allowed,
    repeated fields are not.

    Args:
        content: UTF-8, with or without a byte order mark.
        file: its name tells the format.
        lines: is filled with the line of every field and element, for YAML.

    Raises:
        Unreadable: with what is wrong and where.
    """
    if len(content) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8.", content.count(b"\n", 0, error.start) + 1) from None
    try:
        data = _parse_json(text) if file.suffix.lower() == ".json" else _parse_yaml(text, lines)
    except RecursionError:
        raise Unreadable("is nested too deeply.") from None
    if not isinstance(data, dict):
        raise Unreadable("is not a mapping of fields.", 1)
    return data


# JSON ----------------------------------------------------------------------------------------------------


def _parse_json(text: str) -> Json:
    try:
        data: Json = json.loads(text, object_pairs_hook=_without_repetition, parse_constant=_refuse_constant)
        return data
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not JSON: {error.msg}.", error.lineno) from None
    except ValueError:
        raise Unreadable("is not JSON: a number is too long.") from None


def _without_repetition(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    for key, value in pairs:
        if key in fields:
            raise Unreadable(f"has the field {key[:64]!r} twice in one place.")
        fields[key] = value
    return fields


def _refuse_constant(name: str) -> float:
    raise Unreadable(f"is not JSON: {name} is no number of JSON.")


# YAML ----------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Composes nodes; plain scalars are null, booleans and numbers as in JSON, else texts."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"(?:true|false)$", ["t", "f"]),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})$", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", list("-0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)


def _parse_yaml(text: str, lines: dict[FieldPath, int]) -> Json:
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(f"is not YAML: {error.problem}.", mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise Unreadable("is not YAML: it holds a character that YAML does not allow.") from None
    if node is None:
        raise Unreadable("is empty.", 1)
    return _value(node, (), lines)


def _value(node: yaml.Node, path: FieldPath, lines: dict[FieldPath, int]) -> Json:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > MAX_DEPTH:
        raise Unreadable("is nested too deeply.", line)
    if len(lines) > MAX_NODES:
        raise Unreadable("holds too much, or aliases that multiply.", line)
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_value(child, (*path, index), lines) for index, child in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, line)
    raise Unreadable(f"the tag {node.tag} is not allowed.", line, path)


def _mapping(node: yaml.MappingNode, path: FieldPath, lines: dict[FieldPath, int]) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    for key_node, child in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
            raise Unreadable("a field's name has to be text.", line, path)
        key = str(key_node.value)
        if key in fields:
            raise Unreadable(f"the field {key[:64]!r} stands here twice.", line, path)
        lines[(*path, key)] = line
        fields[key] = _value(child, (*path, key), lines)
    return fields


def _scalar(node: yaml.ScalarNode, path: FieldPath, line: int) -> str | int | float | bool | None:
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    try:
        match kind:
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text]
            case "int":
                return int(text)
            case "float" if math.isfinite(number := float(text)):
                return number
    except (ValueError, KeyError):
        pass
    raise Unreadable(f"the tag {node.tag} is not allowed, or its value is out of range.", line, path)
