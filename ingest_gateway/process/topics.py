"""Topics: made with the contract's settings, and checked before a process relies on them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAlreadyExistsError, for_code

from ingest_gateway.contracts.topics import TopicSpec
from ingest_gateway.process.topic_identity import TopicIdentity, fetch_topic_identity

MIN_INSYNC_REPLICAS = "min.insync.replicas"
_UNKNOWN_TOPIC = 3
_KNOWN_WITHIN_S = 30
_REQUEST_TIMEOUT_MS = 10_000


class UnsafeTopic(RuntimeError):
    """A topic is missing or differs from what the contract needs; the message says how and what to do."""


async def ensure_topics(
    bootstrap: str, specs: Iterable[TopicSpec], replication: int, min_insync: int
) -> list[str]:
    """Make the topics that don't exist yet, and return their names; existing ones are left as they are.

    Raises:
        aiokafka.errors.KafkaError: no broker answers, or one refuses to make a topic.
    """
    async with _admin(bootstrap) as admin:
        existing = set(await admin.list_topics())
        missing = [spec for spec in specs if spec.name not in existing]
        for spec in missing:
            settings = {**spec.settings, MIN_INSYNC_REPLICAS: str(min_insync)}
            topic = NewTopic(spec.name, spec.partitions, replication, topic_configs=settings)
            response = await admin.create_topics([topic])
            for _, code, message in response.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise for_code(code)(message)
        await _wait_until_known(admin, [spec.name for spec in missing])
    return [spec.name for spec in missing]


async def check_topic(bootstrap: str, spec: TopicSpec, min_insync: int = 1) -> TopicIdentity:
    """Compare a topic with what the contract needs; return which topic it is.

    Raises:
        UnsafeTopic: it is missing, has another number of partitions, or an unsafe setting.
        aiokafka.errors.KafkaError: no broker answers.
    """
    async with _admin(bootstrap) as admin:
        [described] = await admin.describe_topics([spec.name])
        if described["error_code"] == _UNKNOWN_TOPIC:
            raise UnsafeTopic(f"Topic {spec.name} does not exist; `eightbells topics` makes it.")
        if described["error_code"]:
            raise for_code(described["error_code"])(spec.name)
        count = len(described["partitions"])
        if count != spec.partitions:
            raise UnsafeTopic(
                f"Topic {spec.name} has {count} partitions, not {spec.partitions}. The count never changes "
                "under data: correct the setting, or grow into a new topic."
            )
        await _check_settings(admin, spec, min_insync)
    return await topic_identity(bootstrap, spec.name)


async def topic_identity(bootstrap: str, topic: str) -> TopicIdentity:
    """Which topic of which cluster a name stands for now.

    Raises:
        aiokafka.errors.KafkaError: the topic is unknown, or no broker answers.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        return await fetch_topic_identity(client, topic)
    finally:
        await client.close()


async def _check_settings(admin: AIOKafkaAdminClient, spec: TopicSpec, min_insync: int) -> None:
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name)])
    [(code, message, _, _, entries)] = response.resources
    if code:
        raise for_code(code)(message)
    actual = {name: value for name, value, *_ in entries}
    wrong = [
        f"{name} is {actual.get(name)}, not {value}"
        for name, value in spec.settings.items()
        if actual.get(name) != value
    ]
    if int(actual[MIN_INSYNC_REPLICAS]) < min_insync:
        wrong.append(f"{MIN_INSYNC_REPLICAS} is {actual[MIN_INSYNC_REPLICAS]}, less than {min_insync}")
    if wrong:
        raise UnsafeTopic(f"Topic {spec.name} is not safe for reports: {'; '.join(wrong)}. Alter the topic.")


async def _wait_until_known(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """A new topic reaches the metadata, and its partitions their leaders, a moment after it is made."""
    async with asyncio.timeout(_KNOWN_WITHIN_S):
        while names:
            described = await admin.describe_topics(names)
            errors = [topic["error_code"] for topic in described]
            errors += [partition["error_code"] for topic in described for partition in topic["partitions"]]
            if not any(errors):
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
