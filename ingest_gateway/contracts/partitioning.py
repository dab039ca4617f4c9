"""Which partition a patient's reports go to: the same one that Kafka's Java clients choose."""

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import murmur2

_REMEMBERED: Final = 100_000

TEST_VECTORS: tuple[tuple[str, int], ...] = (
    ("P-000001", 1),
    ("P-000123", 5),
    ("P-020000", 1),
    ("受试者-七", 11),
    ("", 9),
)
"""Patient ids with their partition of 12, for clients in other languages to check themselves against."""


@lru_cache(_REMEMBERED)
def partition_for(patient_id: str, partitions: int) -> int:
    """The partition, from 0 to ``partitions`` - 1, of a patient: ``(murmur2(utf-8) & 0x7fffffff) mod n``.

    Source: Kafka's ``BuiltInPartitioner.partitionForKey``. Patients report again and again, always to the
    same partition: the last 100,000 are remembered (about 30 MB), for hashing takes longer than signing.
    """
    hashed: int = murmur2(patient_id.encode())
    return (hashed & 0x7FFFFFFF) % partitions
