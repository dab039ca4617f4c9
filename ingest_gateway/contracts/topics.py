"""Topics, their settings, and the names of the headers that say who sent a record."""

from typing import Final

import msgspec

REPORTS: Final = "epro.reports.v1"
EVENTS: Final = "epro.events.v1"
ALERTS: Final = "epro.alerts.v1"
SEALS: Final = "epro.seals.v1"

HEADER_USER_ID: Final = "userId"
HEADER_ROLE: Final = "role"
HEADER_SENT_AT: Final = "sentAt"
HEADER_TRACEPARENT: Final = "traceparent"

_MONTH_MS = str(30 * 24 * 3600 * 1000)
_KEPT_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic as this system needs it. ``settings`` are Kafka's own names and values, all of them checked."""

    name: str
    partitions: int
    settings: dict[str, str]


def topic_specs(partitions: int) -> tuple[TopicSpec, ...]:
    """Every topic of the contract, for a system whose reports have so many ``partitions``.

    ``max.message.bytes`` lets through any batch the gateway builds; LogAppendTime makes ``receivedAt`` the
    broker's, whatever a gateway's clock says; with no compression the broker unpacks what another producer
    packed in a way that our consumers may not read.
    """
    durable = {"unclean.leader.election.enable": "false", "message.timestamp.type": "LogAppendTime"}
    batches = {"max.message.bytes": str(2 * 1024 * 1024), "compression.type": "uncompressed"}
    return (
        TopicSpec(REPORTS, partitions, {**durable, **batches, **_KEPT_FOR_EVER}),
        TopicSpec(EVENTS, partitions, {**durable, "cleanup.policy": "delete", "retention.ms": _MONTH_MS}),
        TopicSpec(ALERTS, partitions, {**durable, "cleanup.policy": "delete", "retention.ms": _MONTH_MS}),
        TopicSpec(SEALS, 1, {**durable, **_KEPT_FOR_EVER}),
    )
