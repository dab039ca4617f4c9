"""Every setting of the gateway process, each with a sentence; read once, in ``__main__``."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest_gateway.contracts.topics import REPORTS


class GatewaySettings(BaseSettings):
    """Read from the environment, with EIGHTBELLS_ before names but KAFKA_BOOTSTRAP. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix="EIGHTBELLS_", frozen=True, env_ignore_empty=True)

    kafka_bootstrap: str = Field(
        validation_alias="KAFKA_BOOTSTRAP",
        description="Kafka brokers to ask first, as host:port, comma-separated.",
    )
    host: str = Field("127.0.0.1", description="Address the patients' port listens on.")
    port: int = Field(8080, ge=0, le=65535, description="The patients' port.")
    admin_host: str = Field("127.0.0.1", description="Address the admin listener listens on.")
    admin_port: int = Field(9080, ge=0, le=65535, description="Port of /livez, /readyz and /metrics.")
    log_level: str = Field("INFO", description="Least severe level that is logged.")
    token_keys_file: Path = Field(description="File with the keys that verify access tokens; mode 0600.")
    reports_topic: str = Field(REPORTS, description="Topic reports are written to.")
    partitions: int = Field(12, ge=1, description="Partitions the topic must have; never changes under data.")
    min_insync_replicas: int = Field(1, ge=1, description="Least min.insync.replicas the topic may have.")
    cors_origin: str = Field(
        "", description="The one browser origin that may call this port directly; empty: none."
    )
    allowed_hosts: str = Field(
        "", description="Host names, comma-separated, that requests may be addressed to; empty: any."
    )
    max_in_flight_reports: int = Field(
        20_000,
        ge=1,
        description="Reports being read or awaiting Kafka's acknowledgement before new ones get 503.",
    )
    max_in_flight_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="Bytes of such reports before new ones get 503."
    )
    linger_ms: float = Field(20, ge=0, description="How long reports are gathered into one Kafka batch.")
    ack_timeout: float = Field(
        5, gt=0, description="How long a report waits for Kafka before its sender gets 503."
    )
    header_timeout: float = Field(10, gt=0, description="How long a request's header may take to arrive.")
    body_timeout: float = Field(10, gt=0, description="How long a request's body may take to arrive.")
    keep_alive: float = Field(
        75, gt=0, description="How long an idle connection is kept; longer than the proxy in front keeps it."
    )
    patient_burst: int = Field(600, ge=1, description="Reports one patient may send at once.")
    patient_per_minute: float = Field(60, gt=0, description="Reports a minute one patient may send for ever.")
    staff_burst: int = Field(6000, ge=1, description="Reports one member of staff may send at once.")
    staff_per_minute: float = Field(600, gt=0, description="Reports a minute one may send for ever.")
    drain_delay: float = Field(
        1, ge=0, description="How long to go on serving after SIGTERM while load balancers notice."
    )
    drain_timeout: float = Field(8, gt=0, description="How long requests in flight may take after that.")
