"""Around every request: header limits, Host, CORS, security headers, counting, errors of ours."""

import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.read_api.metrics import Metrics
from projections.read_api.problems import internal_error, problem_response, route_template

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 64
_PREFLIGHT_S: Final = "600"
_ASKED_HEADERS: Final = "Authorization, Content-Type, Accept-Language, Idempotency-Key"
_CSP: Final = "frame-ancestors 'none'"


class Edge:
    """The outermost ASGI application.

    ``cors_origin`` is the one origin that browsers may call from ("": none); ``allowed_hosts`` the host names
    that are answered (empty: any).
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        cors_origin: str = "",
        allowed_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._cors_origin = cors_origin
        self._allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; lifespan events pass through, and so do sockets with headers in order.

        HEAD is answered as GET is, without the body.
        """
        if scope["type"] == "websocket" and self._refusal(scope, Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        foreign = bool(self._cors_origin) and headers.get("origin") == self._cors_origin
        bare = scope["method"] == "HEAD"
        asked = {**scope, "method": "GET"} if bare else scope
        status = 500
        begun = False

        async def send_marked(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                self._mark(MutableHeaders(scope=message), foreign)
            elif bare:
                message = {**message, "body": b""}
            await send(message)

        try:
            refusal = self._refusal(scope, headers) or self._preflight(scope, headers, foreign)
            await (refusal or self._app)(asked, receive, send_marked)
        except Exception as error:
            if not begun:  # else it was logged and answered, and is raised on for servers that log themselves
                await internal_error(asked, error)(asked, receive, send_marked)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.request(scope["method"], route_template(asked), status, seconds)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        raw = scope["headers"]
        if len(raw) > MAX_HEADERS or sum(len(name) + len(value) for name, value in raw) > MAX_HEADER_BYTES:
            return problem_response(431, "Headers too large", "At most 64 fields and 16 KiB of headers.")
        if "content-length" in headers and "transfer-encoding" in headers:
            detail = "A body has one length: Content-Length or Transfer-Encoding."
            return problem_response(400, "Bad request", detail, {"Connection": "close"})
        if self._allowed_hosts and _hostname(headers.get("host", "")) not in self._allowed_hosts:
            return problem_response(400, "Unknown host", "This server does not answer for that host name.")
        return None

    def _preflight(self, scope: Scope, headers: Headers, allowed: bool) -> Response | None:
        """The answer to a browser's question whether our one foreign origin may call; others get none."""
        asks = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if not (asks and allowed):
            return None
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": _ASKED_HEADERS,
                "Access-Control-Max-Age": _PREFLIGHT_S,
            },
        )

    def _mark(self, headers: MutableHeaders, allowed: bool) -> None:
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Content-Security-Policy", _CSP)
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Cache-Control", "no-store")
        taken = headers.get("Allow", "").split(", ")
        if "GET" in taken and "HEAD" not in taken:  # the router knows only what it is asked itself
            headers["Allow"] = ", ".join([*taken, "HEAD"])
        if self._cors_origin:
            headers.add_vary_header("Origin")
        if allowed:
            headers["Access-Control-Allow-Origin"] = self._cors_origin


def _hostname(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdigit() or not port) else host).lower()
