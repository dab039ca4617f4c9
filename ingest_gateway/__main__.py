"""The gateway process: ``python -m ingest_gateway``."""

import asyncio
import gc
import resource
import signal
import sys
import time
from datetime import UTC, datetime

import msgspec
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from ingest_gateway.admission import Admission, SenderLimit
from ingest_gateway.app import create_app
from ingest_gateway.auth.hot import HotVerifier
from ingest_gateway.auth.keys import KeyRing, UnsafeKeys, load_keys
from ingest_gateway.contracts.topics import topic_specs
from ingest_gateway.gateway import Gateway
from ingest_gateway.limits import CoarseClock, Limits, every
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.process.admin import QuietServer, admin_listener
from ingest_gateway.process.logs import configure_logging
from ingest_gateway.process.topics import UnsafeTopic, check_topic
from ingest_gateway.producer import KafkaProducer, Producer
from ingest_gateway.protocol import bound_to
from ingest_gateway.publisher import Publisher
from ingest_gateway.settings import GatewaySettings

WRONG_CONFIGURATION = 2
_BACKLOG = 4096
_OPEN_FILES = 65_536


def main() -> int:
    """Read the settings, run until SIGTERM or SIGINT, and return the exit code."""
    try:
        settings = GatewaySettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
        keys = load_keys(settings.token_keys_file)
    except ValidationError as error:
        missing = ", ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        return _refuse_to_start(f"wrong settings: {missing}")
    except UnsafeKeys as error:
        return _refuse_to_start(str(error))
    configure_logging("gateway", settings.log_level)
    _allow_many_connections()
    try:
        uvloop.run(serve(settings, keys))
    except UnsafeTopic as error:
        return _refuse_to_start(str(error))
    return 0


async def serve(settings: GatewaySettings, keys: KeyRing) -> None:
    """Wire the parts together and serve until a signal.

    Raises:
        UnsafeTopic: the topic is missing or differs from what the contract needs.
    """
    metrics = GatewayMetrics()
    admission = Admission(settings.max_in_flight_reports, settings.max_in_flight_bytes)
    gateway = _wire(settings, keys, admission, metrics)
    config = uvicorn.Config(
        create_app(settings.cors_origin),
        host=settings.host,
        port=settings.port,
        http=bound_to(gateway),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=int(settings.drain_timeout) or 1,
    )
    server = QuietServer(config)
    connections = server.server_state.connections
    metrics.in_flight_reports = lambda: admission.reports
    metrics.in_flight_bytes = lambda: admission.bytes
    metrics.connections = lambda: len(connections)
    registry = CollectorRegistry()
    registry.register(metrics)

    def sweep() -> None:
        gateway.sweep()
        for connection in list(connections):
            connection.sweep(gateway.coarse.now)  # type: ignore[union-attr]  # all of them are ours

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    async with admin_listener(settings.admin_host, settings.admin_port, gateway.not_ready_because, registry):
        publishing = asyncio.create_task(gateway.publisher.run())
        sweeping = asyncio.create_task(every(gateway.limits.tick, sweep))
        serving = asyncio.create_task(server.serve())
        _calm_the_collector()
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({publishing, sweeping, serving, stopping}, return_when="FIRST_COMPLETED")
        gateway.draining = True
        if stopping in done:
            await asyncio.sleep(settings.drain_delay)
        server.should_exit = True
        await asyncio.wait([serving])
        publishing.cancel()
        sweeping.cancel()
        await gateway.publisher.close(settings.ack_timeout)
        stopping.cancel()
        for task in done - {stopping}:
            task.result()


def _wire(settings: GatewaySettings, keys: KeyRing, admission: Admission, metrics: GatewayMetrics) -> Gateway:
    [reports, *_] = topic_specs(settings.partitions)
    spec = msgspec.structs.replace(reports, name=settings.reports_topic)

    async def open_producer() -> Producer:
        await check_topic(settings.kafka_bootstrap, spec, settings.min_insync_replicas)
        return await KafkaProducer.open(settings.kafka_bootstrap, spec.name)

    publisher = Publisher(
        open_producer,
        settings.partitions,
        admission,
        metrics,
        linger=settings.linger_ms / 1000,
        ack_timeout=settings.ack_timeout,
        clock=lambda: datetime.now(UTC),
    )
    return Gateway(
        verifier=HotVerifier(keys),
        publisher=publisher,
        admission=admission,
        senders=SenderLimit(settings.patient_burst, settings.patient_per_minute),
        metrics=metrics,
        limits=Limits(
            header_timeout=settings.header_timeout,
            body_timeout=settings.body_timeout,
            keep_alive=settings.keep_alive,
        ),
        coarse=CoarseClock(time.monotonic, time.time),
        time=time.time,
        partitions=settings.partitions,
        cors_origin=settings.cors_origin,
        allowed_hosts=frozenset(
            host.strip().lower().encode() for host in settings.allowed_hosts.split(",") if host.strip()
        ),
    )


def _calm_the_collector() -> None:
    """What exists now stays for ever, and a report leaves no cycles: look for garbage seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _refuse_to_start(reason: str) -> int:
    sys.stderr.write(f"eightbells gateway: {reason}\n")
    return WRONG_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
