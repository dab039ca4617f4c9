"""The worker as a process of its own, and a database in which its batches take long."""

import asyncio
import json
import os
import signal
import stat
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import httpx

from deploy.local.children import die_with_parent
from tests.integration.stream_workers.world import World
from tests.ports import free_port

SECRET = urlsafe_b64encode(bytes(range(32))).decode()
IN_MID_BATCH = """
select from pg_stat_activity where datname = current_database() and usename = 'eightbells_worker'
and state <> 'idle' and query like 'insert into outbox%'
"""
HELD = """
create function hold() returns trigger language plpgsql as $$
begin perform pg_sleep(0.5); return null; end $$;
create trigger hold after insert on outbox for each statement execute function hold()
"""


class Process:
    """The worker as a process of its own."""

    def __init__(self, world: World, directory: Path, **changes: str) -> None:
        key = directory / "seal.json"
        key.write_text(json.dumps({"current": "k1", "keys": {"k1": SECRET}}))
        key.chmod(stat.S_IRUSR)
        self._port = str(free_port())
        self._environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP": world.kafka,
            "DATABASE_URL": world.worker_url,
            "EIGHTBELLS_SEAL_KEY_FILE": str(key),
            "EIGHTBELLS_REPORTS_TOPIC": world.topic.name,
            "EIGHTBELLS_GROUP_ID": world.group,
            "EIGHTBELLS_ADMIN_PORT": self._port,
            "EIGHTBELLS_BATCH_INTERVAL_MS": "0",
            "EIGHTBELLS_MAX_BATCH_RECORDS": "20",
            **changes,
        }

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-m", "stream_workers.reports"),
            env=self._environment,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent(signal.SIGKILL),  # also where a failed test left it stopped
        )

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client:
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{self._port}/readyz")
                    if answer.status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
