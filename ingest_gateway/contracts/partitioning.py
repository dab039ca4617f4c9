"""Which partition a patient's reports go to: the same one that Kafka's Java clients choose."""

from struct import Struct

TEST_VECTORS: tuple[tuple[str, int], ...] = (
    ("P-000001", 1),
    ("P-000123", 5),
    ("P-020000", 1),
    ("受试者-七", 11),
    ("", 9),
)
"""Patient ids with their partition of 12, for clients in other languages to check themselves against."""

_SEED, _M, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF
_WORDS = tuple(Struct(f"<{count}I").unpack_from for count in range(65))


def partition_for(patient_id: str, partitions: int) -> int:
    """The partition, from 0 to ``partitions`` - 1, of a patient: ``(murmur2(utf-8) & 0x7fffffff) mod n``.

    Source: Kafka's ``BuiltInPartitioner.partitionForKey``.
    """
    return (murmur2(patient_id.encode()) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """MurmurHash2 as Kafka's ``Utils.murmur2`` has it, as an unsigned number of 32 bits.

    Whole words at a time: every report's key is hashed, and byte by byte that takes twice as long.
    """
    count = len(key) >> 2
    unpack = _WORDS[count] if count < len(_WORDS) else Struct(f"<{count}I").unpack_from
    value = _SEED ^ len(key)
    for word in unpack(key):
        mixed = word * _M & _32_BITS
        value = value * _M & _32_BITS ^ ((mixed ^ mixed >> 24) * _M & _32_BITS)
    rest = len(key) & 3
    if rest:
        value = (value ^ int.from_bytes(key[-rest:], "little")) * _M & _32_BITS
    value = (value ^ value >> 13) * _M & _32_BITS
    return value ^ value >> 15
