"""Activation codes: how a patient gets in the first time. Random, printed once, kept as SHA-256 only."""

import hashlib
import secrets
from typing import Final

_ALPHABET: Final = (
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing looks like something else
)
_DIGITS: Final = 16
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_code() -> str:
    """A random code of 80 bits: ``4F7K0QZM93XTHB2D``."""
    number = secrets.randbits(5 * _DIGITS)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(0, 5 * _DIGITS, 5))


def code_digest(code: str) -> bytes:
    """What the database keeps of a code, however somebody typed it.

    Case, spaces and dashes don't matter, and O is read as 0, I and L as 1. The codes are random enough for a
    plain SHA-256.
    """
    return hashlib.sha256(code.upper().translate(_MISREAD).encode("utf-8", "surrogatepass")).digest()
