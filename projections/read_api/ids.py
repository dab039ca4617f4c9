"""Ids in paths and bodies, read case-insensitively; what is no id names nothing that exists."""

from uuid import UUID

from projections.read_api.problems import not_found


def known_id(text: str) -> UUID:
    """The id of a report, an alert or an adverse event.

    Raises:
        ProblemError: 404 for anything else, braces and missing dashes included.
    """
    try:
        parsed = UUID(text)
    except ValueError:
        raise not_found() from None
    if str(parsed) != text.lower():
        raise not_found()
    return parsed
