"""Where the gateway's parts meet."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec

from ingest_gateway.admission import Admission, SenderLimit
from ingest_gateway.auth.hot import HotVerifier
from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.contracts.topics import topic_specs
from ingest_gateway.gateway import Gateway
from ingest_gateway.limits import CoarseClock, Limits
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.process.topics import check_topic
from ingest_gateway.producer import KafkaProducer, Producer
from ingest_gateway.publisher import Publisher
from ingest_gateway.settings import GatewaySettings

OpenProducer = Callable[[], Awaitable[Producer]]


def bootstrap(settings: GatewaySettings, keys: KeyRing, open_producer: OpenProducer | None = None) -> Gateway:
    """Wire a gateway; ``open_producer`` stands in for Kafka in tests. Needs a running event loop."""
    metrics = GatewayMetrics()
    admission = Admission(settings.max_in_flight_reports, settings.max_in_flight_bytes)
    metrics.in_flight_reports = lambda: admission.reports
    metrics.in_flight_bytes = lambda: admission.bytes
    publisher = Publisher(
        open_producer or kafka(settings),
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
        patients=SenderLimit(settings.patient_burst, settings.patient_per_minute),
        staff=SenderLimit(settings.staff_burst, settings.staff_per_minute),
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


def kafka(settings: GatewaySettings) -> OpenProducer:
    """Opens producers on the settings' topic, after checking that it is what the contract needs."""
    [reports, *_] = topic_specs(settings.partitions)
    spec = msgspec.structs.replace(reports, name=settings.reports_topic)

    async def open_producer() -> Producer:
        await check_topic(settings.kafka_bootstrap, spec, settings.min_insync_replicas)
        return await KafkaProducer.open(settings.kafka_bootstrap, spec.name)

    return open_producer
