"""Counts of an item do not depend on the order of events, and keep exactly the last five weeks of days."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tables.buckets import Buckets
from tables.item_rows import BUCKET_CODEC, COUNTS_CODEC, KEPT_DAYS, CountsRow, bucket_key, bucket_of, counts_key
from tables.stored_rows import check_item_row

days = st.lists(st.integers(19_000, 19_100), min_size=1, max_size=40)


def counted(sequence: list[int]) -> CountsRow:
    row = CountsRow()
    for day in sequence:
        row.count_day(day, 1)
    return row


@given(days, st.randoms(use_true_random=False))
def test_the_order_of_days_leaves_no_trace(sequence: list[int], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(sequence)
    random.shuffle(shuffled)
    assert COUNTS_CODEC.encode(counted(sequence)) == COUNTS_CODEC.encode(counted(shuffled))


@given(days)
def test_days_are_exact_within_five_weeks_of_the_newest(sequence: list[int]) -> None:
    row = counted(sequence)
    newest = max(sequence)
    kept = {newest - age: count for age, count in enumerate(row.days) if count}
    assert kept == {day: sequence.count(day) for day in sequence if newest - day < KEPT_DAYS}
    assert row.newest_day == newest


@given(st.lists(st.integers(50, 500), max_size=40), st.randoms(use_true_random=False))
def test_ratings_are_told_apart_by_half_stars_in_any_order(ratings: list[int], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(ratings)
    random.shuffle(shuffled)
    rows = CountsRow(), CountsRow()
    for row, sequence in zip(rows, (ratings, shuffled), strict=True):
        for rating in sequence:
            row.count_rating(rating)
    assert COUNTS_CODEC.encode(rows[0]) == COUNTS_CODEC.encode(rows[1])
    nearest = Counter(int(rating / 50 + 0.5) for rating in ratings)
    assert {number + 1: count for number, count in enumerate(rows[0].half_stars) if count} == nearest
    assert (rows[0].ratings, rows[0].rating_sum) == (len(ratings), sum(ratings))


def test_ratings_of_a_former_release_are_counted_and_not_told_apart() -> None:
    row = COUNTS_CODEC.decode(msgspec.msgpack.encode([1, 4, 0, 0, [], 0, 0, 0, 2, 700, 1]))
    row.count_rating(450)
    assert (row.ratings, row.rating_sum, sum(row.half_stars)) == (3, 1150, 1)


def test_a_row_with_other_half_stars_than_ten_is_none() -> None:
    with pytest.raises(ValueError, match="3 half stars"):
        check_item_row(counts_key("i"), COUNTS_CODEC.encode(CountsRow(ratings=1, half_stars=[0, 0, 1])))


def test_countries_are_stored_in_one_order() -> None:
    values = []
    for order in (["NL", "DE", ""], ["", "DE", "NL"]):
        buckets = Buckets({}, 0)
        for country in order:
            buckets.count(5, "a", country, 0)
        ((_, value),) = buckets.take_changes()
        assert value is not None
        assert BUCKET_CODEC.decode(value).countries == {"": 1, "DE": 1, "NL": 1}
        values.append(value)
    assert values[0] == values[1]


def test_a_bucket_of_a_former_release_counts_its_events_as_one_each() -> None:
    former = msgspec.msgpack.encode([1, {"DE": 2, "NL": 1}])
    buckets = Buckets({bucket_key(5, "a"): former}, 0)
    buckets.count(5, "a", "NL", 0, weight=10)
    ((_, value),) = buckets.take_changes()
    assert value is not None
    row = BUCKET_CODEC.decode(value)
    assert (row.countries, row.weights) == ({"DE": 2, "NL": 2}, {"NL": 11})


@given(st.integers(0, 2**31), st.text(max_size=8))
def test_a_bucket_key_names_its_hour_and_item(hour: int, item_id: str) -> None:
    assert bucket_of(bucket_key(hour, item_id)) == (hour, item_id)
