"""SQL kept as SQL: named queries in .sql files beside this module, each under a line ``-- name: x``."""

import functools
import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@functools.cache
def queries(file: str) -> dict[str, str]:
    """The named queries of ``file``.sql.

    Raises:
        ValueError: a name stands twice.
    """
    parts = _NAME.split((files(__name__) / f"{file}.sql").read_text(encoding="utf-8"))
    names, texts = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}.sql names a query twice")
    return {name: text.strip() for name, text in zip(names, texts, strict=True)}


def migrations() -> list[tuple[str, str]]:
    """Every migration as (name, SQL), in the order in which they are applied."""
    found = [entry for entry in (files(__name__) / "migrations").iterdir() if entry.name.endswith(".sql")]
    return sorted((entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8")) for entry in found)
