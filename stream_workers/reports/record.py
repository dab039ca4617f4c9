"""Read one Kafka record: its bytes, who sent it, and whether it lies where that patient's reports belong."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from ingest_gateway.contracts.partitioning import partition_for
from ingest_gateway.contracts.report import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_REPORT_BYTES,
    MalformedJson,
    Report,
    WrongEnvelope,
    decode_report,
)
from ingest_gateway.contracts.topics import HEADER_ROLE, HEADER_SENT_AT, HEADER_TRACEPARENT, HEADER_USER_ID
from projections.seals import jsonb_text
from projections.store import Arrival

UNREADABLE: Final = "unreadable"
UNATTRIBUTED: Final = "unattributed"
MISROUTED: Final = "misrouted"
ROLES: Final = ("patient", "doctor", "admin")

_MAX_USER_ID_CHARACTERS: Final = 128
_GATEWAYS_HEADERS: Final = frozenset({HEADER_USER_ID, HEADER_ROLE, HEADER_SENT_AT, HEADER_TRACEPARENT})

Header = tuple[str, bytes | None]


class Record(Protocol):
    """A record as a Kafka client hands it over. ``timestamp`` is in milliseconds since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Sender(msgspec.Struct, frozen=True, gc=False):
    """What the headers say. ``known`` where they name one user and one role that exists."""

    user_id: str | None = None
    role: str | None = None
    sent_at: datetime | None = None
    known: bool = False
    as_gateway_writes: bool = False


class RecordReader:
    """Reads the records of one topic.

    Args:
        partitions: how many the topic has.
        clock: asked where a record has no usable time of its own.
    """

    def __init__(self, partitions: int, clock: Callable[[], datetime]) -> None:
        self._partitions = partitions
        self._clock = clock
        self._latest: tuple[int, datetime] | None = None

    def read(self, record: Record) -> Arrival:
        """Read one record. Never raises: what cannot be read is ``unreadable``."""
        value, key = record.value, record.key
        report = None if value is None else _readable(value)
        sender = read_sender(record.headers)
        ours = report is not None and key == report.patientId.encode()
        trouble = None
        if report is None:
            trouble = UNREADABLE
        elif not sender.known:
            trouble = UNATTRIBUTED
        elif not ours or partition_for(report.patientId, self._partitions) != record.partition:
            trouble = MISROUTED
        return Arrival(
            record.partition,
            record.offset,
            self.received_at(record.timestamp),
            sha256=None if value is None else hashlib.sha256(value).digest(),
            value=value,
            report=report,
            trouble=trouble,
            user_id=sender.user_id,
            role=sender.role,
            sent_at=sender.sent_at,
            record_key=None if ours else key,
            headers=None if sender.as_gateway_writes else _kept(record.headers),
        )

    def received_at(self, timestamp: int) -> datetime:
        """The broker's time of a record; our own where a topic was made to hold something else."""
        if self._latest is not None and timestamp == self._latest[0]:
            return self._latest[1]
        try:
            instant = datetime.fromtimestamp(timestamp / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            return self._clock()
        if not FIRST_YEAR <= instant.year <= LAST_YEAR:
            return self._clock()
        self._latest = (timestamp, instant)
        return instant


def _readable(value: bytes) -> Report | None:
    if len(value) > MAX_REPORT_BYTES:
        return None
    try:
        return decode_report(value)
    except (MalformedJson, WrongEnvelope):
        return None


def read_sender(headers: Sequence[Header]) -> Sender:
    """Who sent a record, by the headers that gateways write; anything missing, doubled or odd is nobody."""
    found = dict(headers)
    user_id = _text(found.get(HEADER_USER_ID))
    role = _text(found.get(HEADER_ROLE))
    sent_at = _instant(found.get(HEADER_SENT_AT))
    known = user_id is not None and role in ROLES and len(found) == len(headers)
    ours = known and sent_at is not None and found.keys() <= _GATEWAYS_HEADERS
    return Sender(user_id, role, sent_at, known, ours)


def _text(value: bytes | None) -> str | None:
    """A short text that Postgres can hold, or None."""
    if not value or len(value) > 4 * _MAX_USER_ID_CHARACTERS or 0 in value:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if len(text) <= _MAX_USER_ID_CHARACTERS else None


def _instant(value: bytes | None) -> datetime | None:
    """An aware RFC 3339 instant of our times, or None."""
    try:
        instant = datetime.fromisoformat((value or b"").decode("ascii"))
    except ValueError:
        return None
    return instant if instant.tzinfo is not None and FIRST_YEAR <= instant.year <= LAST_YEAR else None


def _kept(headers: Sequence[Header]) -> str:
    """Headers as [[name, base64 of the value], ...]; Postgres holds no NUL, so one in a name is written ␀."""
    return jsonb_text(
        [
            [name.replace("\0", "\u2400"), None if value is None else base64.b64encode(value).decode()]
            for name, value in headers
        ]
    )
