"""What the relay reads from its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The relay's settings."""

    model_config = SettingsConfigDict(env_prefix="EIGHTBELLS_", frozen=True, extra="ignore")

    kafka_bootstrap: str = Field(validation_alias="KAFKA_BOOTSTRAP", description="Kafka's host:port.")
    database_url: str = Field(
        validation_alias="DATABASE_URL", description="Postgres, with role eightbells_relay."
    )
    admin_host: str = Field("127.0.0.1", description="Address of the admin listener.")
    admin_port: int = Field(9083, ge=0, le=65535, description="Port of the admin listener.")
    log_level: str = Field("INFO", description="Least severe level that is logged.")
    poll_ms: int = Field(50, ge=5, le=5000, description="How often it looks for committed batches.")
    outbox_days: int = Field(
        30,
        ge=1,
        le=36_500,
        description="Days after which published outbox batches are deleted; the newest 1,000 stay.",
    )
