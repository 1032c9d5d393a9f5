"""A batch is told in records that brokers take, and what it says does not depend on how many there are."""

import random

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType
from tables import item_rows
from tables.delta_records import MAX_RECORD_BYTES, records_of
from tables.item_deltas import decode, encode, route
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal
from tables.type_codes import CODE_OF

PARTITIONS = 3
HOUR_MS = 3_600_000
START_HOUR = 472_000
VIEW, SEARCH = CODE_OF[EventType.VIEW], CODE_OF[EventType.SEARCH]
#: What Kafka takes by default.
BROKER_MAX_BYTES = 1_048_588

items = st.sampled_from([f"item-{number}" for number in range(12)])
visits = st.builds(
    lambda item, back, context, viewer, offset: Signal(
        *(item, VIEW, True, "NL", START_HOUR - back, False, offset, context, viewer),
        watermark_ms=(START_HOUR - back) * HOUR_MS,
    ),
    items,
    st.integers(0, 300),
    st.lists(items, max_size=6, unique=True),
    st.integers(0, 5),
    st.integers(0, 1000),
)
searches = st.builds(
    lambda query, back: Signal("", SEARCH, False, "", START_HOUR - back, False, 0, [], query=query),
    st.sampled_from(["matrix", "the matrix"]),
    st.integers(0, 300),
)


def counted(values: list[bytes]) -> dict[bytes, bytes]:
    """The integer rows of an item plane that is told these records."""
    store: dict[bytes, bytes] = {}
    plane = ItemPlane(0, store, ItemLimits())
    for value in values:
        plane.apply(value)
    plane.changes()
    return {key: value for key, value in store.items() if key[:1] not in item_rows.FLOAT_KINDS}


@given(st.lists(visits | searches, max_size=30), st.integers(1, 600), st.none() | st.just(START_HOUR * HOUR_MS))
def test_many_small_records_say_what_few_large_ones_say(
    signals: list[Signal], max_bytes: int, tell_ms: int | None
) -> None:
    whole = records_of(signals, PARTITIONS, 7, tell_ms)
    divided = records_of(signals, PARTITIONS, 7, tell_ms, max_bytes)
    assert {record.target for record in divided} == {record.target for record in whole}
    for target in range(PARTITIONS):
        (one,) = [value for to, value in whole if to == target] or [None]
        several = [value for to, value in divided if to == target]
        if one is None:
            continue
        assert counted(several) == counted([one])
        assert sum(len(decode(value)) for value in several) == len(decode(one))
        assert max(decode(value).watermark_ms for value in several) == decode(one).watermark_ms
    for part in (value for _, value in divided if len(value) > max_bytes):
        assert len(decode(part).items) + len(decode(part).queries) <= 1, "a signal is not divided"


def test_a_batch_over_a_large_catalogue_fits_what_brokers_take() -> None:
    generator = random.Random(5)
    signals = [
        Signal(
            f"title-{generator.randrange(200_000)}",
            *(VIEW, True, "NL", START_HOUR, False, offset),
            [f"title-{generator.randrange(200_000)}" for _ in range(30)],
        )
        for offset in range(5_000)
    ]
    (entries,) = route(signals, 1).values()
    assert len(encode(entries, 0, 0)) > BROKER_MAX_BYTES, "it would not have fitted in one record"
    values = [value for _, value in records_of(signals, 1, 0)]
    assert max(map(len, values)) <= MAX_RECORD_BYTES
    assert sum(len(decode(value).items) for value in values) == len(signals)


def test_the_signal_that_says_most_fits_one_record() -> None:
    longest = [chr(0x4E00 + number) * 128 for number in range(31)]
    signal = Signal(longest[0], VIEW, True, "NL", START_HOUR, False, 2**40, longest[1:])
    ((_, value),) = records_of([signal], 1, 0)
    assert len(value) < MAX_RECORD_BYTES / 10
