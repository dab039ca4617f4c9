"""Signing keys: read from a file, checked, several at once so that they can be rotated."""

import base64
import binascii
import json
import re
from pathlib import Path

import msgspec

MIN_KEY_BYTES = 32
_KID = re.compile(r"[A-Za-z0-9_-]{1,32}\Z")
_EXAMPLES = (b"secret", b"changeme", b"change-me", b"example", b"password", b"your-256-bit-secret", b"test")


class UnsafeKeys(ValueError):
    """The key file is missing, unreadable, open to others, or holds a key nobody should sign with."""


class KeyRing(msgspec.Struct, frozen=True):
    """Every key that verifies, by ``kid``, and the one that signs."""

    current: str
    keys: dict[str, bytes]

    @property
    def signing_key(self) -> bytes:
        """The key new tokens are signed with."""
        return self.keys[self.current]


def load_keys(path: Path) -> KeyRing:
    """Read a key file: ``{"current": kid, "keys": {kid: base64url}}``, mode 0600.

    Raises:
        UnsafeKeys: with what is wrong and what to do, never with key material.
    """
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise UnsafeKeys(f"{path}: the key file cannot be read ({error.strerror}).") from None
    if mode & 0o077:
        raise UnsafeKeys(f"{path}: other users may read this key file; run chmod 600 on it.")
    try:
        document = json.loads(text)
        current, encoded = document["current"], dict(document["keys"])
    except (ValueError, KeyError, TypeError):
        raise UnsafeKeys(f'{path}: expected {{"current": kid, "keys": {{kid: base64url}}}}.') from None
    return key_ring(current, {kid: _decode(path, kid, text) for kid, text in encoded.items()})


def key_ring(current: str, keys: dict[str, bytes]) -> KeyRing:
    """Check keys and put them together.

    Raises:
        UnsafeKeys: a bad kid, a key under 32 bytes, an example's key, or no current key.
    """
    for kid, key in keys.items():
        if not _KID.match(kid):
            raise UnsafeKeys("A kid has to be 1 to 32 letters, digits, '-' or '_'.")
        if len(key) < MIN_KEY_BYTES:
            raise UnsafeKeys(f"Key {kid!r} is shorter than {MIN_KEY_BYTES} bytes.")
        if len(set(key)) < 8 or any(example in key.lower() for example in _EXAMPLES):
            raise UnsafeKeys(f"Key {kid!r} is an example's, not a random one.")
    if current not in keys:
        raise UnsafeKeys("The current key is not among the keys.")
    return KeyRing(current, keys)


def _decode(path: Path, kid: str, text: object) -> bytes:
    if not isinstance(text, str):
        raise UnsafeKeys(f"{path}: key {kid!r} is not a text in base64url.")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UnsafeKeys(f"{path}: key {kid!r} is not base64url.") from None
