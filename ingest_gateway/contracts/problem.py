"""Errors as every route answers them: application/problem+json (RFC 9457)."""

import re
from typing import Final

import orjson

MEDIA_TYPE: Final = "application/problem+json"
MISSING_AUTHORIZATION: Final = "Authorization header is missing"
INVALID_TOKEN_FORMAT: Final = "Invalid token format"  # noqa: S105 - a message, not a secret
INVALID_TOKEN: Final = "Invalid token"  # noqa: S105

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def problem(status: int, title: str, detail: str, **extra: str | int | None) -> dict[str, str | int | None]:
    """The members of a problem document; ``error`` repeats the title for older clients."""
    slug = _NOT_A_WORD.sub("-", title.lower()).strip("-")
    return {
        "type": f"urn:eightbells:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "error": title,
        **extra,
    }


def problem_bytes(status: int, title: str, detail: str, **extra: str | int | None) -> bytes:
    """The same, as JSON in UTF-8."""
    return orjson.dumps(problem(status, title, detail, **extra))
