"""The gateway as a server: it listens, looks after its connections, and drains before it stops."""

import asyncio
from typing import cast

import uvicorn
from prometheus_client import CollectorRegistry

from ingest_gateway.app import create_app
from ingest_gateway.connection import OrderedConnection
from ingest_gateway.gateway import Gateway
from ingest_gateway.limits import every
from ingest_gateway.process.admin import QuietServer, admin_listener
from ingest_gateway.protocol import bound_to
from ingest_gateway.settings import GatewaySettings

_BACKLOG = 4096
_END_PRODUCER_S = 2
"""By then everybody is answered: this is for reports whose outcome was unknown."""


class GatewayServer:
    """One gateway on its two ports."""

    def __init__(self, gateway: Gateway, settings: GatewaySettings) -> None:
        self.gateway = gateway
        self._settings = settings
        self._server = QuietServer(
            uvicorn.Config(
                create_app(settings.cors_origin),
                host=settings.host,
                port=settings.port,
                http=bound_to(gateway),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=max(1, int(settings.drain_timeout)),
            )
        )

    @property
    def port(self) -> int | None:
        """The patients' port; None while it is not open."""
        if not self._server.started:
            return None
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then drain.

        Draining: not ready at once; serve on for ``drain_delay``; accept no more; answer what has come, for
        at most ``drain_timeout``; end the producer.

        Raises:
            UnsafeTopic: what the publisher writes to is not what the contract needs.
        """
        gateway, settings = self.gateway, self._settings
        registry = CollectorRegistry()
        registry.register(gateway.metrics)
        gateway.metrics.connections = lambda: len(self._connections())
        async with admin_listener(
            settings.admin_host, settings.admin_port, gateway.not_ready_because, registry
        ):
            stopping: asyncio.Task[object] = asyncio.create_task(stop.wait())
            serving: asyncio.Task[object] = asyncio.create_task(self._server.serve())
            working: list[asyncio.Task[object]] = [
                asyncio.create_task(gateway.publisher.run()),
                asyncio.create_task(every(gateway.limits.tick, self._sweep)),
            ]
            await asyncio.wait([stopping, serving, *working], return_when="FIRST_COMPLETED")
            failed = [task for task in (serving, *working) if task.done()]
            gateway.draining = True
            if not failed:
                await asyncio.sleep(settings.drain_delay)
            self._server.should_exit = True
            await asyncio.wait([serving])
            await gateway.publisher.close(_END_PRODUCER_S)
            for task in (stopping, *working):
                task.cancel()
            for task in failed:
                task.result()

    def _sweep(self) -> None:
        self.gateway.sweep()
        for connection in self._connections():
            connection.sweep(self.gateway.coarse.now)

    def _connections(self) -> list[OrderedConnection]:
        return cast("list[OrderedConnection]", list(self._server.server_state.connections))
