"""What the read API reads from its environment."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = IPv4Network | IPv6Network


class Settings(BaseSettings):
    """The read API's settings."""

    model_config = SettingsConfigDict(env_prefix="EIGHTBELLS_", frozen=True, extra="ignore")

    database_url: str = Field(
        validation_alias="DATABASE_URL", description="Postgres, with role eightbells_api."
    )
    token_keys_file: Path = Field(description="The keys that sign access tokens; a JSON file of mode 0600.")
    action_seal_key_file: Path = Field(
        description="The keys that seal what people do, not the ledger's; a JSON file of mode 0600."
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8081, ge=0, le=65535, description="Port the API listens on.")
    admin_host: str = Field("127.0.0.1", description="Address of the admin listener.")
    admin_port: int = Field(9081, ge=0, le=65535, description="Port of the admin listener.")
    log_level: str = Field("INFO", description="Least severe level that is logged.")
    cors_origin: str = Field("", description="The one origin browsers may call from; empty: none.")
    allowed_hosts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="Host names that are answered, separated by commas; empty: any."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Proxies whose X-Forwarded-For is believed, as networks separated by commas."
    )
    pool_size: int = Field(10, ge=1, le=200, description="Most connections to Postgres.")
    statement_timeout_ms: int = Field(5000, ge=100, description="Longest a statement may take.")
    password_threads: int = Field(2, ge=1, le=32, description="Passwords hashed at the same time.")
    password_queue: int = Field(32, ge=1, description="Logins that may wait for a thread; more get a 503.")
    login_failures: int = Field(
        100, ge=1, description="Wrong passwords or codes per user and per address and window before a 429."
    )
    login_window_s: int = Field(900, ge=1, description="Length of that window in seconds.")
    refresh_days: int = Field(60, ge=1, description="How long a refresh token is good for.")

    live_sockets: int = Field(5000, ge=1, description="Most live sockets; more are told to try again.")
    live_coalesce_ms: int = Field(
        75, ge=1, le=5000, description="How long events are gathered before they are pushed."
    )
    live_queue_frames: int = Field(
        64, ge=2, description="Frames that may wait for a slow reader before its socket is closed."
    )
    live_check_s: float = Field(10, gt=0, description="How often tokens and scopes of sockets are checked.")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return frozenset(_parts(value.lower())) if isinstance(value, str) else value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(ip_network(part) for part in _parts(value)) if isinstance(value, str) else value


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
