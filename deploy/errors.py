"""Which exceptions are ours: written for an operator, so that one line says what is wrong and what to do."""

from typing import Final

_OURS: Final = ("deploy.", "ingest_gateway.", "loadtest.", "projections.", "stream_workers.")


def is_ours(error: BaseException) -> bool:
    """Whether an error's message alone is what its reader needs."""
    return type(error).__module__.startswith(_OURS)


def exit_code(error: BaseException) -> int:
    """What a command that fails with this error ends with: its ``exit_code``, else 1."""
    return int(getattr(error, "exit_code", 1))
