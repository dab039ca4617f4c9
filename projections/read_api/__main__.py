"""``python -m projections.read_api``: read the settings, serve until SIGTERM."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from ingest_gateway.auth.keys import KeyRing, UnsafeKeys, load_keys
from ingest_gateway.process.admin import QuietServer, admin_listener
from ingest_gateway.process.logs import configure_logging
from projections.live.feed import Feed
from projections.live.hub import Hub
from projections.read_api.app import build_app
from projections.read_api.connection import ApiProtocol
from projections.read_api.database import open_database
from projections.read_api.hashing import PasswordThreads
from projections.read_api.live import Live
from projections.read_api.live_connection import WEBSOCKETS
from projections.read_api.logins import forget_expired
from projections.read_api.metrics import Metrics
from projections.read_api.services import LoginRules, Services
from projections.read_api.settings import Settings

_log = logging.getLogger("projections.read_api")
_PROBE_S = 2
_FORGET_EVERY_S = 3600
_DRAIN_S = 10
_KEEP_ALIVE_S = 75  # longer than a proxy in front keeps its side


def main() -> int:
    """Run the process; the return value is its exit code."""
    try:
        settings = Settings.model_validate({})
        keys = load_keys(settings.token_keys_file)
        action_seal_keys = load_keys(settings.action_seal_key_file)
    except ValidationError as error:
        print(f"Missing or wrong in the environment: {_names(error)}.", file=sys.stderr)  # noqa: T201
        return 2
    except UnsafeKeys as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    configure_logging("api", settings.log_level)
    uvloop.run(Process(settings, keys, action_seal_keys).run())
    return 0


class Process:
    """The running read API: its listener, and a probe that says whether it is ready."""

    def __init__(self, settings: Settings, keys: KeyRing, action_seal_keys: KeyRing) -> None:
        self._settings = settings
        self._keys = keys
        self._action_seal_keys = action_seal_keys
        self._stopping = asyncio.Event()
        self._why_not_ready: str | None = "Starting"
        self._registry = CollectorRegistry()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; requests under way are answered first."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        settings = self._settings
        admin = admin_listener(settings.admin_host, settings.admin_port, self._readiness, self._registry)
        pool = open_database(settings.database_url, settings.pool_size, settings.statement_timeout_ms)
        async with admin, pool as database:
            metrics = Metrics(self._registry)
            passwords = PasswordThreads(settings.password_threads, settings.password_queue, metrics)
            rules = LoginRules(
                settings.login_failures,
                settings.login_window_s,
                settings.refresh_days,
                settings.trusted_proxies,
            )
            services = Services(
                database,
                self._keys,
                passwords,
                metrics,
                rules,
                lambda: datetime.now(UTC),
                self._action_seal_keys,
            )
            push = self._live(services)
            feed = Feed(
                settings.database_url,
                push.hub,
                metrics.live,
                services.clock,
                settings.live_coalesce_ms / 1000,
            )
            work = (self._probe(services), _forget(services), feed.run(), push.keep_checking())
            tasks = [asyncio.create_task(one) for one in work]
            try:
                await self._serve(services, push)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                passwords.close()

    def _readiness(self) -> str | None:
        return "Shutting down" if self._stopping.is_set() else self._why_not_ready

    def _live(self, services: Services) -> Live:
        settings = self._settings
        return Live(
            services,
            Hub(services.metrics.live),
            frozenset({settings.cors_origin} if settings.cors_origin else ()),
            settings.live_sockets,
            settings.live_queue_frames,
            settings.live_check_s,
        )

    async def _serve(self, services: Services, push: Live) -> None:
        settings = self._settings
        config = uvicorn.Config(
            build_app(services, settings.cors_origin, settings.allowed_hosts, push),
            host=settings.host,
            port=settings.port,
            http=ApiProtocol,
            **WEBSOCKETS,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=16 * 1024,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_DRAIN_S,
        )
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await serving

    async def _probe(self, services: Services) -> None:
        """Ask Postgres every 2 s; the log tells when the answer changes."""
        while True:
            reason = await services.database.why_not_ready()
            if reason != self._why_not_ready:
                _log.log(logging.WARNING if reason else logging.INFO, reason or "ready")
            self._why_not_ready = reason
            await asyncio.sleep(_PROBE_S)


async def _forget(services: Services) -> None:
    while True:
        with suppress(Exception):  # the next round tries again; the probe says that Postgres is away
            await forget_expired(services)
        await asyncio.sleep(_FORGET_EVERY_S)


def _names(error: ValidationError) -> str:
    fields = {str(item["loc"][0]) for item in error.errors(include_input=False)}
    return ", ".join(sorted(field if field.isupper() else f"EIGHTBELLS_{field.upper()}" for field in fields))


if __name__ == "__main__":
    sys.exit(main())
