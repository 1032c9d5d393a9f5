"""What is made of the heartbeats, and of a changelog."""

import pytest

from ops.operator.inspect.table_size import SampledTable
from ops.operator.versions.figures import events_per_cpu_s


def test_speed_is_that_of_all_workers() -> None:
    workers = [
        {"pid": 1, "events_folded": 900, "cpu_ms": 500},
        {"pid": 2, "events_folded": 100, "cpu_ms": 1500},
    ]
    assert events_per_cpu_s(workers) == 500.0
    assert events_per_cpu_s([]) is None


def test_a_table_is_as_large_as_its_rows() -> None:
    table = SampledTable()
    table.put(b"one", b"12345")
    table.put(b"two", b"1")
    table.put(b"one", b"123")
    table.put(b"two", None)
    assert table.total_bytes() == 6


def test_of_a_large_table_a_sample_is_held() -> None:
    table = SampledTable(max_keys=500)
    for number in range(20_000):
        table.put(b"user-%05d" % number, b"x" * (number % 100))
        assert len(table._sizes) <= 500
    exact = sum(10 + number % 100 for number in range(20_000))
    assert table.total_bytes() == pytest.approx(exact, rel=0.15)
