"""Writes deploy/REFERENCE.md from the code: every setting, metric, topic and database role.

Run with ``make reference``; ``python -m deploy.reference --check`` says whether the page is current.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from ingest_gateway.contracts.topics import topic_specs
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.settings import GatewaySettings
from projections.migrate import ROLES
from projections.read_api.metrics import Metrics as ApiMetrics
from projections.read_api.settings import Settings as ApiSettings
from projections.relay.metrics import Metrics as RelayMetrics
from projections.relay.settings import Settings as RelaySettings
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.settings import WorkerSettings

PAGE = Path(__file__).with_name("REFERENCE.md")

_INTRODUCTION = """# Reference
Generated from the code by `make reference`; a test fails when it is stale.
Settings come from the environment.
"""


def _registered(metrics: Callable[[CollectorRegistry], object]) -> Collector:
    registry = CollectorRegistry()
    metrics(registry)
    return registry


_PROCESSES: tuple[tuple[str, str, type[BaseSettings], Callable[[], Collector]], ...] = (
    ("gateway", "ingest_gateway", GatewaySettings, GatewayMetrics),
    ("worker", "stream_workers.reports", WorkerSettings, lambda: _registered(WorkerMetrics)),
    ("relay", "projections.relay", RelaySettings, lambda: _registered(RelayMetrics)),
    ("api", "projections.read_api", ApiSettings, lambda: _registered(ApiMetrics)),
)


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_INTRODUCTION, *_processes(), *_topics(), *_roles()])


def _processes() -> Iterator[str]:
    for part, module, settings, metrics in _PROCESSES:
        yield f"## {part}: `python -m {module}`\n"
        yield from _table(
            ("setting", "default", "what it is"), map(_setting, *zip(*_fields(settings), strict=True))
        )
        yield from _table(("metric", "kind", "what it counts"), map(_metric, metrics().collect()))


def _fields(settings: type[BaseSettings]) -> list[tuple[str, FieldInfo]]:
    return sorted(settings.model_fields.items(), key=lambda field: not field[1].is_required())


def _setting(name: str, field: FieldInfo) -> tuple[str, str, str]:
    variable = (
        field.validation_alias if isinstance(field.validation_alias, str) else f"EIGHTBELLS_{name.upper()}"
    )
    default = "required" if field.default is PydanticUndefined else f"`{_plain(field.default)}`"
    if not field.description:
        raise ValueError(f"{variable} has no sentence")
    return f"`{variable}`", default, field.description


def _plain(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple | frozenset) else str(default)


def _metric(metric: Metric) -> tuple[str, str, str]:
    if not metric.documentation:
        raise ValueError(f"{metric.name} has no sentence")
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    return f"`{name}`", metric.type, metric.documentation


def _topics() -> Iterator[str]:
    yield "## Topics\n\nWith the settings that are checked; the number of partitions is a setting.\n"
    yield from _table(
        ("topic", "settings"),
        (
            (
                f"`{spec.name}`",
                ", ".join(f"`{name}={value}`" for name, value in sorted(spec.settings.items())),
            )
            for spec in topic_specs(12)
        ),
    )


def _roles() -> Iterator[str]:
    yield "## Database roles\n"
    yield from _table(("role", "who uses it"), ((f"`{role}`", use) for role, use in ROLES.items()))


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        cells = (cell.replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""


def main() -> int:
    """Write the page, or with --check compare it; returns the exit code."""
    text = reference()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
