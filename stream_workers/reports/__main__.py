"""Runs the report worker: ``python -m stream_workers.reports``."""

import asyncio
import gc
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Final

import uvloop
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from ingest_gateway.auth.keys import KeyRing, UnsafeKeys, load_keys
from ingest_gateway.contracts.topics import REPORTS, TopicSpec, topic_specs
from ingest_gateway.process.admin import admin_listener
from ingest_gateway.process.logs import configure_logging
from ingest_gateway.process.topic_identity import TopicIdentity
from ingest_gateway.process.topics import UnsafeTopic, check_topic
from stream_workers.reports.applier import Applier
from stream_workers.reports.breaker import QuarantineBreaker
from stream_workers.reports.consumer import Pace, ReportConsumer
from stream_workers.reports.health import Health, Stopped
from stream_workers.reports.log import ReportLog
from stream_workers.reports.metrics import WorkerMetrics
from stream_workers.reports.record import RecordReader
from stream_workers.reports.settings import WorkerSettings
from stream_workers.reports.stopping import Stopping
from stream_workers.reports.watch import Watch

_log = logging.getLogger(__name__)

_STOP_WITHIN_S: Final = 12.0


def utc_now() -> datetime:
    """The one place where this process reads the clock."""
    return datetime.now(UTC)


def topic_spec(settings: WorkerSettings) -> TopicSpec:
    """The report topic as the contract wants it, under the name in the settings."""
    spec = next(spec for spec in topic_specs(settings.partitions) if spec.name == REPORTS)
    return TopicSpec(settings.reports_topic, spec.partitions, spec.settings)


async def run(settings: WorkerSettings, seal_keys: KeyRing) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UnsafeTopic: the topic is not as it has to be.
    """
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    health = Health(metrics)
    stopping = Stopping()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.stop)
    async with admin_listener(settings.admin_host, settings.admin_port, health.readiness, registry):
        if await _topic_is_safe(settings, health, stopping):
            consumer = build(settings, seal_keys, metrics, health)
            working = asyncio.create_task(consumer.run())
            waiting = asyncio.create_task(stopping.wait())
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
            consumer.stop()
            waiting.cancel()
            await _end(working)


def build(
    settings: WorkerSettings, seal_keys: KeyRing, metrics: WorkerMetrics, health: Health
) -> ReportConsumer:
    """Put the worker's parts together. Needs a running event loop."""

    async def identity() -> TopicIdentity:
        try:
            return await check_topic(
                settings.kafka_bootstrap, topic_spec(settings), settings.min_insync_replicas
            )
        except UnsafeTopic as error:
            raise Stopped(str(error)) from error

    applier = Applier(
        settings.database_url,
        seal_keys,
        clock=utc_now,
        metrics=metrics,
        health=health,
        breaker=QuarantineBreaker(settings.quarantine_limit),
    )
    log = ReportLog(settings.kafka_bootstrap, settings.reports_topic, settings.group_id)
    watch = Watch(
        log,
        applier,
        commit_hint=settings.commit_hint_seconds,
        ledger_days_ahead=settings.ledger_days_ahead,
        clock=utc_now,
        metrics=metrics,
        health=health,
    )
    return ReportConsumer(
        log,
        applier,
        RecordReader(settings.partitions, utc_now),
        identity,
        watch,
        seal_keys=seal_keys,
        pace=Pace(settings.max_batch_records, settings.batch_interval_ms / 1000),
        clock=utc_now,
        metrics=metrics,
        health=health,
    )


async def _topic_is_safe(settings: WorkerSettings, health: Health, stopping: Stopping) -> bool:
    """Wait for Kafka, then check the topic; False where the process was told to stop meanwhile."""
    health.note("start", None)
    health.note("kafka", "waiting for Kafka")
    cause = ""
    while not stopping:
        checking = check_topic(settings.kafka_bootstrap, topic_spec(settings), settings.min_insync_replicas)
        try:
            if await stopping.unless(checking):
                return True
        except (KafkaError, OSError, TimeoutError) as error:
            if type(error).__name__ != cause:
                cause = type(error).__name__
                _log.warning("waiting for Kafka", extra={"cause": cause})
                health.note("kafka", f"waiting for Kafka ({cause})")
        await stopping.pause(1)
    return False


async def _end(working: asyncio.Task[None]) -> None:
    """Wait for the batch in hand, but not for a Postgres or Kafka that stands still: neither minds a kill."""
    await asyncio.wait({working}, timeout=_STOP_WITHIN_S)
    if not working.done():
        _log.error("did not stop in time; Postgres has the batch in hand, or has not")
        logging.shutdown()
        os._exit(1)
    await working


def main() -> int:
    """Run, and say in one line what is wrong with the configuration (exit code 2)."""
    try:
        settings = WorkerSettings.from_environment()
        seal_keys = load_keys(settings.seal_key_file)
        configure_logging("worker", settings.log_level)
        # A batch makes some hundred thousand objects and no cycles: collecting often would only cost.
        gc.set_threshold(200_000, 20, 50)
        uvloop.run(run(settings, seal_keys))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        print(f"eightbells worker: wrong settings: {wrong}", file=sys.stderr)  # noqa: T201
        return 2
    except (UnsafeKeys, UnsafeTopic) as error:
        print(f"eightbells worker: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
