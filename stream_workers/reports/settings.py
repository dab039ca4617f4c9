"""Every setting of the report worker, each with a sentence; read once, in ``__main__``."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest_gateway.contracts.topics import REPORTS


class WorkerSettings(BaseSettings):
    """Read from the environment; EIGHTBELLS_ before each name, except KAFKA_BOOTSTRAP and DATABASE_URL."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the settings.

        Raises:
            pydantic.ValidationError: one is missing or wrong.
        """
        nothing: dict[str, Any] = {}
        return cls(**nothing)

    model_config = SettingsConfigDict(env_prefix="EIGHTBELLS_", frozen=True, env_ignore_empty=True)

    kafka_bootstrap: str = Field(
        validation_alias="KAFKA_BOOTSTRAP",
        description="Kafka brokers to ask first: host:port, comma-separated.",
    )
    database_url: str = Field(
        validation_alias="DATABASE_URL", description="Postgres, as the role eightbells_worker.", repr=False
    )
    seal_key_file: Path = Field(description="File with the key that seals the ledger; mode 0600.")
    admin_host: str = Field("127.0.0.1", description="Address the admin listener listens on.")
    admin_port: int = Field(9082, ge=0, le=65535, description="Port of /livez, /readyz and /metrics.")
    log_level: str = Field("INFO", description="Least severe level that is logged.")
    group_id: str = Field("eightbells-reports", description="Consumer group that shares the partitions out.")
    reports_topic: str = Field(REPORTS, description="Topic reports are read from.")
    partitions: int = Field(12, ge=1, description="Partitions the topic must have; never changes under data.")
    min_insync_replicas: int = Field(1, ge=1, description="Least min.insync.replicas the topic may have.")
    max_batch_records: int = Field(2000, ge=1, description="Most records applied in one transaction.")
    batch_interval_ms: int = Field(
        250, ge=0, description="Least time between the starts of two transactions, unless a batch was full."
    )
    quarantine_limit: int = Field(
        5000,
        ge=1,
        description="Quarantines in a minute, at half of all records or more, at which this worker stops: "
        "then a bad release is likelier than bad reports. Of one sender no more than 10 count.",
    )
    ledger_days_ahead: int = Field(
        30,
        ge=0,
        description="With ledger partitions for fewer days ahead the worker works on, but is not ready.",
    )
    commit_hint_seconds: float = Field(
        5,
        gt=0,
        description="How often offsets are told to Kafka, as a hint for lag tools; Postgres is the truth.",
    )
