"""Partitions as Kafka's Java clients choose them."""

import pytest
from aiokafka.partitioner import murmur2 as aiokafkas
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.contracts.partitioning import TEST_VECTORS, murmur2, partition_for

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From ``UtilsTest.testMurmur2`` of Kafka itself, as signed numbers."""


@pytest.mark.parametrize(("key", "signed"), JAVA.items())
def test_the_hash_is_the_java_clients(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=600))
def test_the_hash_is_aiokafkas_too(key: bytes) -> None:
    assert murmur2(key) == aiokafkas(key)


@pytest.mark.parametrize(("patient", "partition"), TEST_VECTORS)
def test_the_vectors_clients_check_themselves_against_hold(patient: str, partition: int) -> None:
    assert partition_for(patient, 12) == partition


@given(st.text(max_size=64), st.integers(1, 100))
def test_every_patient_has_a_partition(patient: str, partitions: int) -> None:
    assert 0 <= partition_for(patient, partitions) < partitions
