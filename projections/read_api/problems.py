"""Every error becomes one problem document, here and nowhere else."""

import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from ingest_gateway.contracts.problem import (
    INVALID_TOKEN,
    INVALID_TOKEN_FORMAT,
    MEDIA_TYPE,
    MISSING_AUTHORIZATION,
    problem_bytes,
)
from projections.read_api.database import is_outage
from projections.read_api.metrics import UNKNOWN_ROUTE

_log = logging.getLogger(__name__)
_TITLES = {400: "Bad request", 404: "Not found", 405: "Method not allowed"}
_RETRY_AFTER_S = (1, 2, 3, 4, 5)


class Problem(BaseModel):
    """An error (RFC 9457). ``error`` repeats ``title``; ``id`` names the log line of an error of ours."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    id: str | None = None


class ProblemError(Exception):
    """An answer other than success; ``extra`` holds further members.

    ``detail`` never holds anything of the sender's.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, str | int | None] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers
        self.extra = dict(extra or {})


def missing_token() -> ProblemError:
    """401: no Authorization header."""
    return ProblemError(
        401, MISSING_AUTHORIZATION, "Send `Authorization: Bearer <token>`.", {"WWW-Authenticate": "Bearer"}
    )


def malformed_authorization() -> ProblemError:
    """401: an Authorization header that is not one bearer token."""
    return ProblemError(
        401,
        INVALID_TOKEN_FORMAT,
        "Send one header `Authorization: Bearer <token>`.",
        {"WWW-Authenticate": 'Bearer error="invalid_request"'},
    )


def invalid_token() -> ProblemError:
    """401: a token that is not good, for whatever reason."""
    return ProblemError(
        401,
        INVALID_TOKEN,
        "Log in or refresh the token.",
        {"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def forbidden() -> ProblemError:
    """403: the caller's role may not use this route at all."""
    return ProblemError(403, "Forbidden", "Your role may not use this.")


def not_found() -> ProblemError:
    """404, the same for what doesn't exist and what the caller may not know of."""
    return ProblemError(404, _TITLES[404], "There is nothing here, or not for you.")


def utc_text(instant: datetime | None) -> str | None:
    """An aware instant as other answers write it: in UTC, ending in Z."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def problem_response(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra: str | int | None
) -> Response:
    """A problem document as a response."""
    return Response(problem_bytes(status, title, detail, **extra), status, headers, MEDIA_TYPE)


def internal_error(scope: Scope, error: Exception) -> Response:
    """Log an error of ours under a new id; the caller gets the id and nothing else."""
    error_id = secrets.token_hex(8)
    outage = is_outage(error)
    sqlstate = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    _log.log(
        logging.WARNING if outage else logging.ERROR,
        "request failed",
        extra={
            "error_id": error_id,
            "method": scope["method"],
            "route": route_template(scope),
            "sqlstate": sqlstate,
        },
        exc_info=error,
    )
    if outage:
        detail = "The database does not answer just now. Try again."
        return problem_response(
            503,
            "Service unavailable",
            detail,
            {"Retry-After": str(secrets.choice(_RETRY_AFTER_S))},
            id=error_id,
        )
    return problem_response(500, "Internal error", "Something went wrong on our side.", id=error_id)


def route_template(scope: Scope) -> str:
    """The template of the route that was found, such as ``/api/v1/receipts/{reportId}``."""
    return getattr(scope.get("route"), "path", None) or UNKNOWN_ROUTE


def install(app: FastAPI) -> None:
    """Make the application answer its errors as problem documents."""
    app.add_exception_handler(ProblemError, _own)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unforeseen)


async def _unforeseen(request: Request, error: Exception) -> Response:
    return internal_error(request.scope, error)


async def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - narrows the handler's type
    return problem_response(error.status, error.title, error.detail, error.headers, **error.extra)


async def _http(_: Request, error: Exception) -> Response:
    """The router's own: 404 and 405 with Allow."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        return await _own(_, not_found())
    title = _TITLES.get(error.status_code, "Request refused")
    return problem_response(error.status_code, title, "See the API's description at /docs.", error.headers)


async def _validation(_: Request, error: Exception) -> Response:
    """422 with the names of our parameters and what is wrong with them, never their values."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    wrong = sorted({f"{item['loc'][-1]}: {item['type']}" for item in error.errors()})
    return problem_response(422, "Invalid parameters", "; ".join(wrong))
