"""Topics: made with the contract's settings, checked before a process relies on them, and told apart by id."""

import uuid

import msgspec
from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from ingest_gateway.contracts.topics import TopicSpec


class UnsafeTopic(RuntimeError):
    """A topic is missing or differs from what the contract needs; the message says how and what to do."""


class TopicIdentity(msgspec.Struct, frozen=True):
    """Which topic of which cluster: a topic that is deleted and made anew has another ``topic_id``."""

    cluster_id: str
    topic_id: uuid.UUID
    topic: str
