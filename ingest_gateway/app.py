"""Everything on the patients' port that is not a report: the documentation, preflights, what doesn't exist.

The two report routes are declared here for the documentation and for 405; the protocol answers them.
"""

from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_gateway.contracts.problem import MEDIA_TYPE, problem_bytes
from ingest_gateway.contracts.receipt import Accepted
from ingest_gateway.contracts.report import Report
from ingest_gateway.process.describing import WITHOUT_PAGES, describe

_TITLES = {404: "Not found", 405: "Method not allowed"}
_DETAILS = {404: "There is nothing at this address.", 405: "This address does not take that method."}


def create_app(cors_origin: str = "") -> ASGIApp:
    """The application behind the protocol. ``cors_origin``: the one foreign origin browsers may call from."""
    # Behind TLS a redirect would name http://, and an app that followed it would send its token in the clear.
    app = FastAPI(title="Eight Bells: ingest gateway", version="1", redirect_slashes=False, **WITHOUT_PAGES)
    describe(app)

    async def problem_response(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        title = _TITLES.get(status, "Internal error")
        body = problem_bytes(status, title, _DETAILS.get(status, "The request could not be handled."))
        return Response(body, status, headers, media_type=MEDIA_TYPE)

    app.add_exception_handler(HTTPException, problem_response)
    app.add_exception_handler(Exception, problem_response)

    @app.post(
        "/api/v1/reports", status_code=202, openapi_extra=_documented(Report, Accepted), tags=["reports"]
    )
    async def send_report() -> None:
        """Send one report. 202 with a receipt once it is durable; send the same bytes again after a 503."""
        raise HTTPException(500)

    @app.post("/api/v1/reports:batch", status_code=207, tags=["reports"])
    async def send_batch() -> None:
        """Send up to 500 reports as `{"reports": […]}`, 1 MiB; 207 with one result for each, in order."""
        raise HTTPException(500)

    return _Cors(app, cors_origin) if cors_origin else app


def _documented(body: type, answer: type) -> dict[str, Any]:
    def content(kind: type) -> dict[str, Any]:
        (schema,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
        return {"application/json": {"schema": {**schema, "$defs": components}}}

    return {
        "requestBody": {"required": True, "content": content(body)},
        "responses": {"202": {"description": "The report is durable.", "content": content(answer)}},
    }


class _Cors:
    """Answers one origin's preflights and marks answers to it; any other origin gets no CORS header."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._origin = origin.encode()
        self._marks = [
            (b"access-control-allow-origin", self._origin),
            (b"access-control-expose-headers", b"retry-after"),
            (b"vary", b"origin"),
        ]
        self._grants = [
            *self._marks,
            (b"access-control-allow-methods", b"POST, GET"),
            (
                b"access-control-allow-headers",
                b"authorization, content-type, eight-bells-sent-at, traceparent",
            ),
            (b"access-control-max-age", b"600"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or dict(scope["headers"]).get(b"origin") != self._origin:
            await self._app(scope, receive, send)
            return
        asked = dict(scope["headers"]).get(b"access-control-request-method")
        if scope["method"] == "OPTIONS" and asked is not None:
            await send({"type": "http.response.start", "status": 204, "headers": self._grants})
            await send({"type": "http.response.body", "body": b""})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._marks]
            await send(message)

        await self._app(scope, receive, marked)
