"""Partitions as Kafka's Java clients choose them."""

import struct

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.contracts.partitioning import TEST_VECTORS, partition_for

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From ``UtilsTest.testMurmur2`` of Kafka itself, as signed numbers."""


def javas(key: bytes) -> int:
    """MurmurHash2 as Kafka's ``Utils.murmur2`` has it, unsigned, written apart from the library's."""
    m, mask, words = 0x5BD1E995, 0xFFFFFFFF, len(key) // 4
    value = 0x9747B28C ^ len(key)
    for word in struct.unpack_from(f"<{words}I", key):
        mixed = word * m & mask
        value = value * m & mask ^ ((mixed ^ mixed >> 24) * m & mask)
    if rest := key[4 * words :]:
        value = (value ^ int.from_bytes(rest, "little")) * m & mask
    value = (value ^ value >> 13) * m & mask
    return value ^ value >> 15


@pytest.mark.parametrize(("key", "signed"), JAVA.items())
def test_the_hash_is_the_java_clients(key: bytes, signed: int) -> None:
    assert murmur2(key) == javas(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=600))
def test_the_librarys_hash_is_the_java_clients_for_any_key(key: bytes) -> None:
    assert murmur2(key) == javas(key)


@given(st.text(max_size=64), st.integers(1, 100))
def test_a_patients_partition_is_the_positive_hash_modulo_their_number(patient: str, partitions: int) -> None:
    assert partition_for(patient, partitions) == (javas(patient.encode()) & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(("patient", "partition"), TEST_VECTORS)
def test_the_vectors_clients_check_themselves_against_hold(patient: str, partition: int) -> None:
    assert partition_for(patient, 12) == partition
