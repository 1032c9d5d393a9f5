"""Bucket columns sum what was put last, and use the places of removed buckets again."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tables.bucket_columns import BucketColumns

puts = st.lists(
    st.tuples(
        st.integers(96, 100),
        st.integers(0, 1),
        st.dictionaries(st.sampled_from(["", "NL", "DE"]), st.integers(1, 5), max_size=3),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(puts, st.integers(1, 12), st.sampled_from([None, frozenset({"NL"}), frozenset({"NL", "DE"}), frozenset({"FR"})]))
def test_sums_are_those_of_the_last_puts(
    sequence: list[tuple[int, int, dict[str, int]]], window_h: int, countries: frozenset[str] | None
) -> None:
    columns = BucketColumns()
    last: dict[tuple[int, int], dict[str, int]] = {}
    for hour, item, counts in sequence:
        more = bool(counts) - bool(last.get((hour, item)))
        assert columns.put(hour, item, counts) == more
        columns.decayed(99, window_h, 3, 5)  # remembered sums must not outlive a change
        last[hour, item] = counts
    counted, decayed = defaultdict(int), defaultdict(float)
    for (hour, item), counts in last.items():
        for country, count in counts.items():
            if hour > 99 - window_h and (countries is None or country in countries):
                counted[item] += count
                decayed[item] += count * 0.5 ** (max(0, 99 - hour) / 3)
    assert columns.counted(99, window_h, 5, countries).tolist() == [counted[item] for item in range(5)]
    assert columns.decayed(99, window_h, 3, 5, countries).tolist() == pytest.approx(
        [decayed[item] for item in range(5)]
    )
    inside = {country for (hour, _), counts in last.items() for country in counts if hour > 99 - window_h}
    assert columns.countries(99, window_h) == sorted(inside)
    if countries is not None:
        assert columns.total(99, window_h, countries) == sum(counted.values())


def test_replacing_and_expiring_buckets_takes_no_new_room() -> None:
    columns = BucketColumns()
    for hour in range(5_000):
        for _ in range(3):
            columns.put(hour, 1, {"NL": 1, "DE": 2})
        columns.put(hour - 24, 1, {})
    assert columns.capacity < 2_000


def test_it_grows_without_losing_counts() -> None:
    columns = BucketColumns()
    for item in range(5_000):
        columns.put(1, item, {"NL": item + 1})
    assert columns.counted(1, 1, 5_000).tolist() == list(range(1, 5_001))
