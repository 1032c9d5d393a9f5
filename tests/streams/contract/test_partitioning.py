"""The partitioner must be Kafka's own: a user's events of any client meet in one partition."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.partitioning import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_what_the_java_client_gives(key: bytes, expected: int) -> None:
    """Vectors of Apache Kafka's UtilsTest."""
    assert murmur2(key) == expected


@given(key=st.binary(max_size=40), partitions=st.integers(1, 200))
def test_aiokafka_puts_a_key_where_we_expect_it(key: bytes, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert murmur2(key) & 0xFFFFFFFF == aiokafka_murmur2(key) & 0xFFFFFFFF
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)
