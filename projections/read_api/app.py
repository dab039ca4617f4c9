"""Where the read API's parts meet."""

from typing import Any, Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from ingest_gateway.process.describing import WITHOUT_PAGES, describe
from projections.live.hub import Hub
from projections.read_api import (
    adverse_event_reporting,
    adverse_events,
    alert_handling,
    alerts,
    board,
    compliance,
    dashboard,
    instruments,
    live,
    patient,
    patient_reports,
    patients,
    problems,
    quarantine,
    receipts,
    schedule,
    sessions,
    visits,
)
from projections.read_api.edge import Edge
from projections.read_api.services import Services

_PARTS: Final = (
    sessions,
    visits,
    schedule,
    receipts,
    board,
    patients,
    patient,
    patient_reports,
    instruments,
    compliance,
    quarantine,
    alerts,
    alert_handling,
    adverse_events,
    adverse_event_reporting,
    live,
)
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_MAY_FAIL: Final = {
    "400": "Malformed request",
    "401": "No valid token",
    "403": "Not for the caller's role",
    "404": "Nothing there, or not for the caller",
    "409": "Not any more, or not yet; where somebody else was first, it says who",
    "422": "Invalid parameters or body",
    "429": "Too many attempts; see Retry-After",
    "500": "An error of ours; `id` names its log line",
    "503": "The database does not answer; try again",
}


class ReadApi(FastAPI):
    """The application, with an OpenAPI document that says how errors really look."""

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document, with problem documents in place of its own validation errors."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Problem"] = problems.Problem.model_json_schema()
            for path in document["paths"].values():
                for operation in path.values():
                    errors = {
                        status: {"description": text, "content": _PROBLEM}
                        for status, text in _MAY_FAIL.items()
                    }
                    operation["responses"].update(errors)
        return self.openapi_schema or {}


def build_app(
    services: Services,
    cors_origin: str = "",
    allowed_hosts: frozenset[str] = frozenset(),
    push: live.Live | None = None,
) -> ASGIApp:
    """The read API as one ASGI application, with the dashboard's files; without ``push`` sockets wait."""
    api = build_api()
    api.state.services = services
    api.state.live = push or live.Live(services, Hub(services.metrics.live))
    return Edge(api, services.metrics, cors_origin, allowed_hosts)


def build_api() -> ReadApi:
    """Every route; without services it answers nothing but its own OpenAPI document."""
    api = ReadApi(
        title="Eight Bells read API",
        version="1",
        description="What staff and patients read and staff decide. Every error is a problem document.",
        redirect_slashes=False,
        **WITHOUT_PAGES,
    )
    describe(api)
    problems.install(api)
    for part in _PARTS:
        api.include_router(part.router)
    dashboard.install(api)
    return api
