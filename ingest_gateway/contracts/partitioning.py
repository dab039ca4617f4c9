"""Which partition a patient's reports go to: the same one that Kafka's Java clients choose."""

from aiokafka.partitioner import murmur2

TEST_VECTORS: tuple[tuple[str, int], ...] = (
    ("P-000001", 1),
    ("P-000123", 5),
    ("P-020000", 1),
    ("受试者-七", 11),
    ("", 9),
)
"""Patient ids with their partition of 12, for clients in other languages to check themselves against."""


def partition_for(patient_id: str, partitions: int) -> int:
    """The partition, from 0 to ``partitions`` - 1, of a patient: ``(murmur2(utf-8) & 0x7fffffff) mod n``.

    Source: Kafka's ``BuiltInPartitioner.partitionForKey``.
    """
    partition: int = (murmur2(patient_id.encode()) & 0x7FFFFFFF) % partitions
    return partition
