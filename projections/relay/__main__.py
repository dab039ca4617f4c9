"""``python -m projections.relay``: read the settings, relay until SIGTERM."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta

import uvloop
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from ingest_gateway.process.admin import admin_listener
from ingest_gateway.process.logs import configure_logging
from projections.relay.metrics import Metrics
from projections.relay.relay import Relay
from projections.relay.retention import Retention
from projections.relay.settings import Settings


def main() -> int:
    """Run the process; the return value is its exit code."""
    try:
        settings = Settings.model_validate({})
    except ValidationError as error:
        print(f"Missing or wrong in the environment: {_names(error)}.", file=sys.stderr)  # noqa: T201
        return 2
    configure_logging("relay", settings.log_level)
    uvloop.run(run(settings))
    return 0


async def run(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT. What is under way then is published again by the next leader."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    registry = CollectorRegistry()
    relay = Relay(
        settings.database_url,
        settings.kafka_bootstrap,
        Metrics(registry),
        Retention(timedelta(days=settings.outbox_days), lambda: datetime.now(UTC)),
        settings.poll_ms / 1000,
    )

    def readiness() -> str | None:
        return "Shutting down" if stopping.is_set() else relay.why_not_ready()

    async with admin_listener(settings.admin_host, settings.admin_port, readiness, registry):
        relaying = asyncio.create_task(relay.run())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait((relaying, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in (relaying, stopped):
            task.cancel()
        results = await asyncio.gather(relaying, stopped, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _names(error: ValidationError) -> str:
    fields = {str(item["loc"][0]) for item in error.errors(include_input=False)}
    return ", ".join(sorted(field if field.isupper() else f"EIGHTBELLS_{field.upper()}" for field in fields))


if __name__ == "__main__":
    sys.exit(main())
