"""Opaque cursors of lists: where the page before ended, signed, so that a list goes on only there.

A cursor is good for the list that gave it and for nothing else. It holds keys, never trial data, and widens
no scope: the query that reads on asks for the caller's sites as any other does.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import Query

from ingest_gateway.auth.keys import KeyRing
from projections.read_api.problems import ProblemError

MAX_LIMIT: Final = 200
_MAX_CHARACTERS: Final = 512
_MAC_BYTES: Final = 16

Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CHARACTERS, description="`nextCursor` of the page before; opaque."),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most rows of a page.")]

Key = TypeVar("Key")
Row = TypeVar("Row")


def encode_cursor(keys: KeyRing, purpose: str, position: tuple[object, ...]) -> str:
    """A cursor of the list ``purpose`` that stands after ``position``, the last row's sort key."""
    payload = msgspec.json.encode(position)
    mac = _mac(keys.signing_key, purpose, payload)
    return base64.urlsafe_b64encode(mac + payload).rstrip(b"=").decode()


def decode_cursor(keys: KeyRing, purpose: str, cursor: str, kind: type[Key]) -> Key:
    """The position that a cursor of this list stands after.

    Raises:
        ProblemError: 422 for anything that this system did not give out for this list.
    """
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, purpose, payload)) for key in keys.keys.values()):
            raise _not_ours()
        return msgspec.json.decode(payload, type=kind)
    except (binascii.Error, UnicodeEncodeError, ValueError, msgspec.MsgspecError):
        raise _not_ours() from None


def page(
    keys: KeyRing,
    purpose: str,
    rows: Sequence[Row],
    limit: int,
    position: Callable[[Row], tuple[object, ...]],
) -> tuple[Sequence[Row], str | None]:
    """Cut a page out of ``rows``, of which one more than ``limit`` was asked for; with the next cursor."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, encode_cursor(keys, purpose, position(shown[-1]))


def _mac(key: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.digest(key, b"cursor\0" + purpose.encode() + b"\0" + payload, hashlib.sha256)[:_MAC_BYTES]


def _not_ours() -> ProblemError:
    return ProblemError(422, "Invalid parameters", "cursor: not one that this list gave out")
