"""A stack's secrets: made at its first start, never printed, in a directory only its owner may enter."""

import json
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

from deploy.local.state import (
    StackError,
    action_seal_keys_file,
    owner_url,
    role_passwords,
    seal_keys_file,
    secrets_dir,
    token_keys_file,
    write_private,
)
from projections.migrate import ROLES

OWNER: Final = "eightbells_owner"
_KEY_BYTES: Final = 48


def make_secrets(data: Path) -> None:
    """Make what is missing: signing keys, seal keys, and a password for each database role.

    Raises:
        StackError: the directory can be entered by others.
    """
    directory = secrets_dir(data)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_mode & 0o077:
        raise StackError(f"{directory} can be entered by other users; run chmod 700 on it.")
    for path in (token_keys_file(data), seal_keys_file(data), action_seal_keys_file(data)):
        if not path.exists():
            write_private(path, _key_file())
    path = directory / "database.json"
    known = role_passwords(data) if path.exists() else {}
    missing = {role: secrets.token_urlsafe(24) for role in (OWNER, *ROLES) if role not in known}
    if missing:
        write_private(path, json.dumps(known | missing, indent=1).encode())


def record_owner_url(data: Path, url: str) -> None:
    """Remember which database this stack uses and how its owner logs in."""
    try:
        if owner_url(data) == url:
            return
    except StackError:
        pass
    write_private(secrets_dir(data) / "owner-url.txt", f"{url}\n".encode())


def _key_file() -> bytes:
    kid = f"k-{secrets.token_hex(4)}"
    key = urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode().rstrip("=")
    return json.dumps({"current": kid, "keys": {kid: key}}, indent=1).encode()
