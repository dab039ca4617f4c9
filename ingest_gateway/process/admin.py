"""The admin listener every process has, off the patients' port: /livez, /readyz and /metrics."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_log = logging.getLogger(__name__)

Readiness = Callable[[], str | None]
"""Why this process is not ready, in a few words for an operator; None when it is."""


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield


def admin_app(readiness: Readiness, registry: CollectorRegistry) -> Starlette:
    """The admin application. /livez asks nothing of other systems; /readyz says why when it answers 503."""

    async def livez(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> JSONResponse:
        reason = readiness()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


@contextlib.asynccontextmanager
async def admin_listener(
    host: str, port: int, readiness: Readiness, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Serve the admin application while the block runs, which is as long as the process does.

    Its start and its end are logged here, for every process alike.

    Raises:
        OSError: the address is taken.
    """
    config = uvicorn.Config(admin_app(readiness, registry), lifespan="off", access_log=False, log_config=None)
    server = QuietServer(config)
    listening = socket.create_server((host, port))  # raises OSError here and now; uvicorn would exit
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    _log.info("started", extra={"pid": os.getpid(), "admin_port": listening.getsockname()[1]})
    try:
        yield
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        _log.info("stopped")
