"""Passwords: argon2id, with the parameters every part of the system hashes with."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_PASSWORD_CHARACTERS: Final = 12
MAX_PASSWORD_CHARACTERS: Final = 256
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""About 40 ms and 19 MiB a password (OWASP's password storage cheat sheet, argon2id)."""


def hash_password(password: str, hasher: PasswordHasher = HASHER) -> str:
    """The password's hash, as users.password_hash keeps it. Slow on purpose: not for an event loop."""
    return hasher.hash(password)


def password_matches(password: str, password_hash: str, hasher: PasswordHasher = HASHER) -> bool:
    """Whether a password is the one that was hashed. As slow as hashing; never raises for a bad hash."""
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
