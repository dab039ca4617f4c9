"""The gateway process: ``python -m ingest_gateway``."""

import asyncio
import gc
import resource
import signal
import sys

import uvloop
from pydantic import ValidationError

from ingest_gateway.auth.keys import KeyRing, UnsafeKeys, load_keys
from ingest_gateway.bootstrap import bootstrap
from ingest_gateway.process.logs import configure_logging
from ingest_gateway.process.topics import UnsafeTopic
from ingest_gateway.server import GatewayServer
from ingest_gateway.settings import GatewaySettings

WRONG_CONFIGURATION = 2
_OPEN_FILES = 65_536


def main() -> int:
    """Read the settings, run until SIGTERM or SIGINT, and return the exit code."""
    try:
        settings = GatewaySettings.model_validate({})
        keys = load_keys(settings.token_keys_file)
    except ValidationError as error:
        missing = ", ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)
        )
        return _refuse_to_start(f"wrong settings: {missing}")
    except UnsafeKeys as error:
        return _refuse_to_start(str(error))
    configure_logging("gateway", settings.log_level)
    _allow_many_connections()
    try:
        uvloop.run(serve(settings, keys))
    except UnsafeTopic as error:
        return _refuse_to_start(str(error))
    return 0


async def serve(settings: GatewaySettings, keys: KeyRing) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        UnsafeTopic: the topic is missing or differs from what the contract needs.
    """
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    server = GatewayServer(bootstrap(settings, keys), settings)
    _calm_the_collector()
    await server.run(stop)


def _calm_the_collector() -> None:
    """What exists now stays for ever, and a report leaves no cycles: look for garbage seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _refuse_to_start(reason: str) -> int:
    sys.stderr.write(f"eightbells gateway: {reason}\n")
    return WRONG_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
