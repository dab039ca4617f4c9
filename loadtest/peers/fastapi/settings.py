"""The peer's settings: the gateway's names, so that both are started alike."""

import base64
import json
from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest_gateway.contracts.topics import REPORTS


class Settings(BaseSettings):
    """Read once, in ``__main__``."""

    model_config = SettingsConfigDict(env_prefix="EIGHTBELLS_", frozen=True, populate_by_name=True)

    kafka_bootstrap: str = Field(
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP"), description="Kafka's bootstrap servers."
    )
    host: str = Field("127.0.0.1", description="Where to listen.")
    port: int = Field(description="The port to listen on.")
    token_keys_file: Path = Field(description="The key file: current kid and keys in base64url.")
    reports_topic: str = Field(REPORTS, description="The topic reports are written to.")

    def token_keys(self) -> dict[str, bytes]:
        """Every key that verifies, by kid."""
        keys = json.loads(self.token_keys_file.read_bytes())["keys"]
        return {kid: base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)) for kid, key in keys.items()}
