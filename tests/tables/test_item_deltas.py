"""Deltas: every pair reaches the partition that owns each of its items, and records lose nothing."""

import contextlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tables.item_deltas import Deltas, Entries, UnreadableDeltas, decode, encode, item_partition, route
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal

PARTITIONS = 3
ids = st.text(min_size=1, max_size=4)
signals = st.lists(
    st.builds(
        Signal,
        item_id=ids,
        code=st.integers(1, 15),
        learns=st.booleans(),
        country=st.sampled_from(["", "NL", "DE"]),
        hour=st.integers(0, 670_000),
        late=st.booleans(),
        offset=st.integers(0, 2**40),
        context=st.lists(ids, max_size=30, unique=True),
        first=st.booleans(),
        completion=st.integers(-1, 1000),
        rating=st.integers(0, 500),
        in_trends=st.booleans(),
    ),
    max_size=10,
)
searches = st.lists(
    st.builds(
        Signal,
        item_id=st.just(""),
        code=st.just(15),
        learns=st.just(False),
        country=st.sampled_from(["", "NL"]),
        hour=st.integers(0, 670_000),
        late=st.booleans(),
        offset=st.integers(0, 2**40),
        context=st.just([]),
        query=ids,
    ),
    max_size=5,
)


def visits(deltas: Deltas) -> list[tuple[object, ...]]:
    """(item, code, learns, late, in trends, country, hour, offset, context, first, completion, rating)."""
    text = deltas.strings
    contexts = np.split(deltas.context, np.cumsum(deltas.context_sizes)[:-1]) if deltas.items else []
    return [
        (
            text[item],
            code,
            learns,
            late,
            trend,
            text[country],
            hour,
            offset,
            [text[other] for other in context],
            *figures,
        )
        for item, code, learns, late, trend, country, hour, offset, context, *figures in zip(
            deltas.items,
            deltas.codes,
            deltas.learns,
            deltas.late,
            deltas.in_trends,
            deltas.countries,
            deltas.hours,
            deltas.offsets,
            contexts,
            deltas.first,
            deltas.completions,
            deltas.ratings,
            strict=True,
        )
    ]


def figures(signal: Signal) -> tuple[int, int, int]:
    return signal.first, signal.completion, signal.rating


def pairs(deltas: Deltas) -> list[tuple[str, int, str, int]]:
    """(visited item, offset, other item, lag) of each pair."""
    text = deltas.strings
    visited = np.repeat(deltas.group_items, deltas.group_sizes)
    offsets = np.repeat(deltas.group_offsets, deltas.group_sizes)
    columns = zip(visited, offsets, deltas.others, deltas.lags, strict=True)
    return [(text[item], int(offset), text[other], int(lag)) for item, offset, other, lag in columns]


@given(signals)
def test_every_visit_goes_to_the_owner_of_its_item(sent: list[Signal]) -> None:
    arrived = []
    for target, entries in route(sent, PARTITIONS).items():
        deltas = decode(encode(entries, 7, 123))
        assert (deltas.source_partition, deltas.watermark_ms) == (7, 123)
        assert all(item_partition(deltas.strings[item], PARTITIONS) == target for item in deltas.items)
        arrived += visits(deltas)
    expected = [
        (s.item_id, s.code, s.learns, s.late, s.in_trends, s.country, s.hour, s.offset, s.context, *figures(s))
        for s in sent
    ]
    assert sorted(map(repr, arrived)) == sorted(map(repr, expected))


@given(signals)
def test_every_pair_goes_to_the_owner_of_the_other_item(sent: list[Signal]) -> None:
    arrived = []
    for target, entries in route(sent, PARTITIONS).items():
        found = pairs(decode(encode(entries, 0, 0)))
        assert all(item_partition(other, PARTITIONS) == target for _, _, other, _ in found)
        arrived += found
    expected = [(s.item_id, s.offset, other, lag) for s in sent for lag, other in enumerate(s.context)]
    assert sorted(arrived) == sorted(expected)


def test_a_record_without_entries_is_a_tick() -> None:
    deltas = decode(encode(Entries(), 2, 99))
    assert (len(deltas), deltas.source_partition, deltas.watermark_ms) == (0, 2, 99)


def test_a_record_may_name_more_strings_than_two_bytes_count() -> None:
    signals = [Signal(f"i{number}", 3, False, "", 5, False, number, []) for number in range(70_000)]
    deltas = decode(encode(route(signals, 1)[0], 0, 0))
    assert deltas.strings[deltas.items[-1]] == "i69999"


@given(signals, searches)
def test_every_search_goes_to_the_owner_of_its_query(visited: list[Signal], searched: list[Signal]) -> None:
    arrived = []
    for target, entries in route(visited + searched, PARTITIONS).items():
        deltas = decode(encode(entries, 0, 0))
        text = deltas.strings
        assert all(item_partition(text[query], PARTITIONS) == target for query in deltas.queries)
        columns = zip(deltas.queries, deltas.query_countries, deltas.query_hours, strict=True)
        arrived += [(text[query], text[country], hour) for query, country, hour in columns]
        assert len(deltas) == len(deltas.items) + len(deltas.group_items) + len(deltas.queries)
    assert sorted(arrived) == sorted((s.query, s.country, s.hour) for s in searched)


def damaged(value: bytes, place: int, byte: int) -> bytes:
    place %= len(value)
    return value[:place] + bytes([byte]) + value[place + 1 :]


@given(signals, searches, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
def test_what_can_be_decoded_can_be_folded(
    visits: list[Signal], searched: list[Signal], damages: list[tuple[int, int]]
) -> None:
    for entries in route([*visits, *searched], PARTITIONS).values():
        value = encode(entries, 1, entries.watermark_ms)
        for place, byte in damages:
            value = damaged(value, place, byte)
        plane = ItemPlane(0, {}, ItemLimits())
        try:
            plane.apply(value)
        except UnreadableDeltas:
            assert plane.changes() == [], "nothing may change before a record is known to be in order"
        plane.changes()


@given(st.binary(max_size=60) | st.none())
def test_any_bytes_are_deltas_or_refused(value: bytes | None) -> None:
    with contextlib.suppress(UnreadableDeltas):
        assert isinstance(decode(value), Deltas)
