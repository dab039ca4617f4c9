"""Our own processes, as the supervisor starts them: a module and its environment, nothing inherited."""

import functools
import sys
from collections.abc import Mapping
from typing import Final

from deploy.local.broker import copies
from deploy.local.children import Command, base_environment
from deploy.local.keeper import Part
from deploy.local.plan import Plan
from deploy.local.ports import LOOPBACK
from deploy.local.readiness import http_ready
from deploy.local.state import action_seal_keys_file, database_url, seal_keys_file, token_keys_file

PARTITIONS: Final = 12
"""Partitions of the reports topic; never changed under data."""

MODULES: Final = {
    "api": "projections.read_api",
    "relay": "projections.relay",
    "worker": "stream_workers.reports",
    "gateway": "ingest_gateway",
}


def python_part(name: str, plan: Plan, kafka: str, brokers: int) -> Part:
    """One of our processes.

    Args:
        name: a key of ``MODULES``.
        plan: the stack's.
        kafka: the brokers' addresses.
        brokers: how many there are.
    """
    admin = plan.admin(name)
    environment = {
        **base_environment(),
        "EIGHTBELLS_ADMIN_HOST": LOOPBACK,
        "EIGHTBELLS_ADMIN_PORT": str(plan.ports[f"{name}-admin"]),
        "EIGHTBELLS_LOG_LEVEL": "INFO",
        **_settings(name, plan, kafka, brokers),
    }
    return Part(
        name=name,
        # -P: modules come from where they are installed, never from the working directory
        command=Command(argv=[sys.executable, "-P", "-m", MODULES[name]], env=environment, cwd=plan.data),
        port=plan.ports[f"{name}-admin"],
        ready=functools.partial(http_ready, admin),
        admin=admin,
    )


def _settings(name: str, plan: Plan, kafka: str, brokers: int) -> Mapping[str, str]:
    topic = {
        "KAFKA_BOOTSTRAP": kafka,
        "EIGHTBELLS_PARTITIONS": str(PARTITIONS),
        "EIGHTBELLS_MIN_INSYNC_REPLICAS": str(copies(brokers)[1]),
    }
    match name:
        case "gateway":
            return {**topic, **_http(name, plan)}
        case "worker":
            return {
                **topic,
                "DATABASE_URL": database_url(plan.data, "eightbells_worker"),
                "EIGHTBELLS_SEAL_KEY_FILE": str(seal_keys_file(plan.data)),
            }
        case "relay":
            return {
                "KAFKA_BOOTSTRAP": kafka,
                "DATABASE_URL": database_url(plan.data, "eightbells_relay"),
            }
        case "api":
            return {
                "DATABASE_URL": database_url(plan.data, "eightbells_api"),
                "EIGHTBELLS_ACTION_SEAL_KEY_FILE": str(action_seal_keys_file(plan.data)),
                **_http(name, plan),
            }
        case _:
            raise ValueError(name)


def _http(name: str, plan: Plan) -> Mapping[str, str]:
    return {
        "EIGHTBELLS_HOST": LOOPBACK,
        "EIGHTBELLS_PORT": str(plan.ports[name]),
        "EIGHTBELLS_TOKEN_KEYS_FILE": str(token_keys_file(plan.data)),
    }
