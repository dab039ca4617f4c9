"""An attempt that never ends is given up, and made again."""

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from ingest_gateway.auth.keys import KeyRing
from stream_workers.reports import applier
from stream_workers.reports.applier import Applier
from stream_workers.reports.breaker import QuarantineBreaker
from stream_workers.reports.health import Health
from stream_workers.reports.metrics import WorkerMetrics


class Connection:
    """What the applier does with a connection when it has to let go of it."""

    closed = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


async def test_an_attempt_that_never_ends_is_made_again_with_another_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(applier, "_ATTEMPT_S", 0.05)
    made: list[Connection] = []

    async def connect(self: Applier) -> Connection:
        if self._connection is None:
            made.append(Connection())
            self._connection = made[-1]
        return made[-1]

    monkeypatch.setattr(Applier, "_connected", connect)
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    one = Applier(
        "postgresql://nowhere",
        KeyRing("k", {"k": bytes(32)}),
        clock=lambda: datetime.now(UTC),
        metrics=metrics,
        health=Health(metrics),
        breaker=QuarantineBreaker(1),
    )

    async def act(connection: Connection) -> str:
        if connection is made[0]:
            await asyncio.Event().wait()
        return "done"

    assert await one.patiently(act, lambda: False) == "done"
    assert [connection.closed for connection in made] == [True, False]
