"""Seals: an HMAC chain over the ledger that shows an edit, a delete, a reordering and a cut tail.

**What a seal covers.** Each transaction seals, per Kafka partition, the contiguous range of ledger rows that
it writes: ``seal = HMAC-SHA256(key, previous ‖ d₁ ‖ … ‖ dₙ)``, where ``previous`` is the seal before it in
that partition and ``dᵢ = SHA-256(canonical row i)`` in ascending offset order.

**The canonical row** is a JSON array of texts and nulls without white space, in the order of ``COVERED``:
every column of the ledger but two. ``stream_id`` is this database's own number for a topic, so the chain
starts from the topic's real identity instead (``genesis``). ``value`` is covered by ``sha256``, which a
verifier compares with the bytes. Integers are decimal, instants are whole microseconds since
1970-01-01T00:00:00Z, bytes are hex, ``flags`` and ``headers`` are as Postgres prints a ``jsonb``.
``projections/sql/verify.sql`` computes the same from the stored rows; a test holds the two together.

**The key** never reaches Postgres, only its ``kid`` does; keys can be changed, and stay in the key file for
as long as what they sealed is to be verified. Whoever may write to the database but does not hold it cannot
make a chain that verifies; heads are also published to Kafka, so that a tail cut from ledger, seals and
offsets alike shows.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

COVERED: Final = (
    "kafka_partition",
    "kafka_offset",
    "gap_until",
    "received_at",
    "disposition",
    "reason",
    "first_partition",
    "first_offset",
    "patient_id",
    "report_id",
    "instrument",
    "instrument_version",
    "recorded_at",
    "visit_id",
    "placement",
    "flags",
    "amends",
    "user_id",
    "role",
    "sent_at",
    "sha256",
    "record_key",
    "headers",
)

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def genesis(key: bytes, cluster_id: str, topic_id: str, partition: int, first_offset: int) -> bytes:
    """What the first seal of a partition is chained to: it binds the chain to one topic of one cluster."""
    origin = orjson.dumps(["eightbells.ledger.v1", cluster_id, topic_id, str(partition), str(first_offset)])
    return hmac.digest(key, origin, "sha256")


def row_digest(covered: Sequence[str | None]) -> bytes:
    """SHA-256 of a canonical row; ``covered`` holds its columns as texts, in the order of ``COVERED``."""
    return hashlib.sha256(orjson.dumps(covered)).digest()


def seal(key: bytes, previous: bytes, digests: Iterable[bytes]) -> bytes:
    """The seal of a contiguous range of rows, chained to the one before it."""
    return hmac.digest(key, previous + b"".join(digests), "sha256")


def microseconds(instant: datetime) -> str:
    """An aware instant as whole microseconds since 1970, as a text."""
    return str((instant - _EPOCH) // _MICROSECOND)


def jsonb_text(value: Json) -> str:
    """JSON exactly as Postgres prints it once stored as ``jsonb``.

    Keys come shortest first, then by their bytes. Numbers have to be integers: others are not written alike.
    """
    return json.dumps(_in_jsonb_order(value), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _in_jsonb_order(value: Json) -> Json:
    if isinstance(value, Mapping):
        keyed = sorted((len(key.encode()), key.encode(), key) for key in value)
        return {key: _in_jsonb_order(value[key]) for _, _, key in keyed}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_in_jsonb_order(item) for item in value]
    return value
