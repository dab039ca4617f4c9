from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from projections.read_api.settings import Settings


def test_lists_are_separated_by_commas_and_nothing_is_trusted_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://")
    monkeypatch.setenv("EIGHTBELLS_TOKEN_KEYS_FILE", "keys.json")
    monkeypatch.setenv("EIGHTBELLS_ACTION_SEAL_KEY_FILE", "seals.json")
    settings = Settings.model_validate({})
    assert settings.trusted_proxies == ()
    assert settings.allowed_hosts == frozenset()
    assert settings.cors_origin == ""
    monkeypatch.setenv("EIGHTBELLS_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")
    monkeypatch.setenv("EIGHTBELLS_ALLOWED_HOSTS", "API.example.org,localhost")
    settings = Settings.model_validate({})
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert settings.allowed_hosts == {"api.example.org", "localhost"}


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ValidationError, match="DATABASE_URL"):
        Settings.model_validate({})


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
