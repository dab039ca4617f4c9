"""Who may import whom: the table of CONTRIBUTING, enforced."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("ingest_gateway", "projections", "stream_workers", "deploy", "loadtest", "tests")
SHARED = ("ingest_gateway.contracts", "ingest_gateway.auth", "ingest_gateway.process")

MAY_IMPORT = {
    "ingest_gateway/contracts": ("ingest_gateway.contracts",),
    "ingest_gateway/auth": ("ingest_gateway.contracts", "ingest_gateway.auth"),
    "ingest_gateway/process": ("ingest_gateway.contracts", "ingest_gateway.process"),
    "ingest_gateway": ("ingest_gateway",),
    "projections": ("projections", *SHARED),
    "stream_workers": ("stream_workers", "projections", *SHARED),
    "loadtest": ("loadtest", "ingest_gateway.contracts"),
    "deploy": OURS,
    "tests/system": ("tests.system",),
}


def imports_of(source: str) -> Iterator[str]:
    """Every module that a source file names, in full."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a thing comes from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(folder: str, module: str) -> bool:
    if module.partition(".")[0] not in OURS:
        return False
    return not any(f"{module}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[folder])


def folder_of(path: Path) -> str | None:
    """The most particular folder of the table that a file lies in."""
    inside = path.relative_to(ROOT).as_posix()
    return next(
        (folder for folder in sorted(MAY_IMPORT, reverse=True) if inside.startswith(f"{folder}/")), None
    )


def test_no_part_imports_another_that_it_may_not() -> None:
    looked_at = 0
    wrong = []
    for path in ROOT.glob("*/**/*.py"):
        folder = None if path.relative_to(ROOT).parts[0].startswith(".") else folder_of(path)
        if folder is None:
            continue
        looked_at += 1
        wrong += [
            f"{path.relative_to(ROOT)} imports {module}"
            for module in imports_of(path.read_text(encoding="utf-8"))
            if forbidden(folder, module)
        ]
    assert looked_at > 20
    assert wrong == []


@pytest.mark.parametrize(
    ("folder", "module"),
    [
        ("ingest_gateway/contracts", "ingest_gateway.auth.keys"),
        ("ingest_gateway", "projections.store"),
        ("projections", "stream_workers.reports"),
        ("projections", "ingest_gateway.publisher"),
        ("loadtest", "ingest_gateway.auth"),
        ("tests/system", "deploy.cli"),
    ],
)
def test_the_check_itself_finds_a_forbidden_import(folder: str, module: str) -> None:
    assert forbidden(folder, module)
