"""Keys that nobody should sign with are refused, with a reason and without the key."""

import base64
import json
import secrets
from pathlib import Path

import pytest

from ingest_gateway.auth.keys import UnsafeKeys, load_keys


def encoded(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def key_file(folder: Path, document: object, mode: int = 0o600) -> Path:
    path = folder / "keys.json"
    path.write_text(json.dumps(document))
    path.chmod(mode)
    return path


GOOD = secrets.token_bytes(32)


def test_a_private_file_with_random_keys_is_read(tmp_path: Path) -> None:
    older = secrets.token_bytes(48)
    path = key_file(tmp_path, {"current": "b", "keys": {"a": encoded(older), "b": encoded(GOOD)}})
    ring = load_keys(path)
    assert ring.signing_key == GOOD
    assert ring.keys == {"a": older, "b": GOOD}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"current": "a", "keys": {"a": encoded(b"k" * 31)}}, "shorter than 32"),
        ({"current": "a", "keys": {"a": encoded(b"k" * 32)}}, "example"),
        ({"current": "a", "keys": {"a": encoded(b"your-256-bit-secret-" * 2)}}, "example"),
        ({"current": "b", "keys": {"a": encoded(GOOD)}}, "not among"),
        ({"current": "a", "keys": {}}, "not among"),
        ({"current": "../../etc", "keys": {"../../etc": encoded(GOOD)}}, "kid"),
        ({"current": "a", "keys": {"a": "not base64 !"}}, "base64url"),
        ({"current": "a", "keys": {"a": 7}}, "base64url"),
        ({"keys": {}}, "expected"),
        ([], "expected"),
    ],
)
def test_an_unsafe_key_file_is_refused_with_its_reason(tmp_path: Path, document: object, reason: str) -> None:
    with pytest.raises(UnsafeKeys, match=reason) as refusal:
        load_keys(key_file(tmp_path, document))
    assert encoded(GOOD) not in str(refusal.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path, {"current": "a", "keys": {"a": encoded(GOOD)}}, mode=0o640)
    with pytest.raises(UnsafeKeys, match="chmod 600"):
        load_keys(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsafeKeys, match=r"absent\.json"):
        load_keys(tmp_path / "absent.json")
