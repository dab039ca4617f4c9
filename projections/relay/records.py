"""From outbox batches to Kafka records. The names in the headers are those of CloudEvents' Kafka binding."""

import functools
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from ingest_gateway.contracts.topics import ALERTS, EVENTS, SEALS


class Topics(msgspec.Struct, frozen=True):
    """Where records go; the events' and the alerts' topic have the same partitions."""

    events: str = EVENTS
    alerts: str = ALERTS
    seals: str = SEALS


_ALERT_TYPES: Final = "alert."
_SEAL_PARTITION: Final = 0
_NOBODYS_PARTITION: Final = 0

Header = tuple[str, bytes]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event as the outbox holds it and other systems get it: ids, never answers.

    The quarantine of what belongs to nobody enrolled has no study, no site and no patient.
    """

    id: str
    type: str
    studyId: str | None
    siteId: str | None
    patientId: str | None
    at: str
    data: msgspec.Raw


class SealHead(msgspec.Struct, frozen=True, omit_defaults=True):
    """The seal of a range of one partition's ledger rows, as hex; or of another chain's, by action ids."""

    partition: int
    firstOffset: int
    lastOffset: int
    seal: str
    chain: str | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is sent to one partition of one topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: list[Header]


_events = msgspec.json.Decoder(list[Event])
_seals = msgspec.json.Decoder(list[SealHead])
_encoder = msgspec.json.Encoder()


def event_records(events: str, topics: Topics, partition_of: Callable[[str], int]) -> Iterator[Record]:
    """The records of a batch's events, in their order; an alert's event goes to its own topic as well.

    Args:
        events: outbox.events as JSON text.
        topics: their names.
        partition_of: a patient's partition of the events' and the alerts' topic.
    """
    for event in _events.decode(events):
        partition, key = _NOBODYS_PARTITION, None
        if event.patientId is not None:
            partition, key = partition_of(event.patientId), event.patientId.encode()
        value = _encoder.encode(event)
        headers = [
            *_common_headers(event.type, event.studyId),
            ("ce_id", event.id.encode()),
            ("ce_time", event.at.encode()),
        ]
        yield Record(topics.events, partition, key, value, headers)
        if event.type.startswith(_ALERT_TYPES):
            yield Record(topics.alerts, partition, key, value, headers)


@functools.lru_cache(maxsize=1024)
def _common_headers(event_type: str, study_id: str | None) -> tuple[Header, ...]:
    """What all events of a type and a study share. The patient, CloudEvents' subject, is the record's key."""
    return (
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
        ("ce_type", event_type.encode()),
        ("ce_source", b"/studies" if study_id is None else b"/studies/" + study_id.encode()),
    )


def seal_records(seals: str, topics: Topics) -> Iterator[Record]:
    """The records of a batch's seal heads: their topic has one partition."""
    for seal in _seals.decode(seals):
        key = (seal.chain or str(seal.partition)).encode()
        yield Record(topics.seals, _SEAL_PARTITION, key, _encoder.encode(seal), [])
