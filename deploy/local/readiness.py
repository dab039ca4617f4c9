"""Ready means that a part answers a real question: a query, a metadata call, ``/readyz``."""

import asyncio
import contextlib
import json
import logging
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError

_ANSWER_S: Final = 5.0


async def postgres_answers(url: str) -> str | None:
    """Why PostgreSQL is not ready; None when it answers a query."""
    try:
        connection = await asyncpg.connect(url, timeout=_ANSWER_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"PostgreSQL: {str(error) or type(error).__name__}"
    try:
        await connection.fetchval("select 1", timeout=_ANSWER_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"PostgreSQL: {str(error) or type(error).__name__}"
    finally:
        connection.terminate()
    return None


async def kafka_answers(bootstrap: str, brokers: int) -> str | None:
    """Why Kafka is not ready; None when its metadata names at least so many brokers."""
    try:
        found = await broker_count(bootstrap)
    except (OSError, TimeoutError, KafkaError) as error:
        return f"Kafka: {str(error) or type(error).__name__}"
    return None if found >= brokers else f"Kafka: {found} of {brokers} brokers are there"


async def broker_count(bootstrap: str) -> int:
    """How many brokers a cluster has, by one metadata call.

    Raises:
        OSError: nothing listens at any of the addresses.
        KafkaError: what listens does not answer as a broker.
    """
    await _something_listens(bootstrap)  # the client would log an error for each attempt
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(_ANSWER_S * 1000))
    try:
        async with asyncio.timeout(_ANSWER_S):
            await client.bootstrap()
        return len(client.cluster.brokers())
    finally:
        await client.close()


async def http_ready(admin: str) -> str | None:
    """Why a process of ours is not ready, in its own words; None when its ``/readyz`` answers 200."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            status, body = await _get(admin, "/readyz")
    except (OSError, TimeoutError, ValueError, IndexError, EOFError):
        return f"nothing answers at {admin}"
    if status == 200:
        return None
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(body).get("reason", f"status {status}"))
    return f"status {status}"


async def _get(base: str, path: str) -> tuple[int, bytes]:
    """A GET to a loopback listener of ours."""
    address = urlsplit(base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split(None, 2)[1]), body
    finally:
        writer.close()


async def _something_listens(bootstrap: str) -> None:
    error: OSError = ConnectionRefusedError(f"nothing listens at {bootstrap}")
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(_ANSWER_S):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, TimeoutError):
            continue
        writer.close()
        return
    raise error
