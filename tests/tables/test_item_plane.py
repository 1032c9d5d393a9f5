"""The item plane counts exactly, in any order of arrival, and its rows carry everything a follower needs."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events import EventType
from tables import item_rows
from tables.engagement import COUNTED_CODES
from tables.item_deltas import decode, encode, route
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal
from tables.type_codes import CODE_OF

HOUR_MS = 3_600_000
START_HOUR = 472_000
VIEW, DISLIKE, SEARCH = (CODE_OF[kind] for kind in (EventType.VIEW, EventType.DISLIKE, EventType.SEARCH))
WATCH_END = CODE_OF[EventType.WATCH_END]
#: As docs/producing.md has them.
WEIGHTS = {
    VIEW: 1,
    CODE_OF[EventType.CLICK]: 3,
    CODE_OF[EventType.LIKE]: 5,
    CODE_OF[EventType.PURCHASE]: 10,
    WATCH_END: 1,
}

items = st.sampled_from([f"i{number}" for number in range(8)])


@st.composite
def records(draw: st.DrawFn) -> list[bytes]:
    """Records of several source partitions over three weeks, in some order of arrival."""
    made = []
    for source in range(3):
        watermark_h = START_HOUR
        for _ in range(draw(st.integers(1, 4))):
            watermark_h += draw(st.integers(0, 200))
            signals = draw(st.lists(signals_before(watermark_h), max_size=5))
            entries = route(signals, 1)
            made += [encode(one, source, watermark_h * HOUR_MS) for one in entries.values()]
    return made


def signals_before(hour: int) -> st.SearchStrategy[Signal]:
    search = st.builds(
        lambda query, back, country: Signal("", SEARCH, False, country, hour - back, False, 0, [], query=query),
        st.sampled_from(["matrix", "the matrix"]),
        st.integers(0, 300),
        st.sampled_from(["", "NL"]),
    )
    return search | visits_before(hour)


def visits_before(hour: int) -> st.SearchStrategy[Signal]:
    return st.builds(
        lambda item, code, back, country, context, first, completion, rating, late, in_trends: Signal(
            item,
            code,
            code == VIEW,
            country,
            hour - back,
            late,
            0,
            context,
            first,
            completion,
            rating,
            in_trends=in_trends,
        ),
        items,
        st.sampled_from([*WEIGHTS, DISLIKE]),
        st.integers(0, 300),
        st.sampled_from(["", "NL", "DE"]),
        st.lists(items, max_size=4, unique=True),
        st.booleans(),
        st.integers(-1, 1000),
        st.integers(0, 500),
        st.booleans(),
        st.booleans(),
    )


def integer_rows(store: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in store.items() if key[:1] not in item_rows.FLOAT_KINDS}


def folded(values: Sequence[bytes], publish_every: int = 1) -> dict[bytes, bytes]:
    store: dict[bytes, bytes] = {}
    plane = ItemPlane(0, store, ItemLimits())
    for number, value in enumerate(values):
        plane.apply(value)
        if number % publish_every == 0:
            plane.changes()
    plane.changes()
    return store


@settings(deadline=None, max_examples=50)
@given(records(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_integer_rows_depend_neither_on_arrival_order_nor_on_batching(values, random, publish_every) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(values)
    random.shuffle(shuffled)
    assert integer_rows(folded(values)) == integer_rows(folded(shuffled, publish_every))


@settings(deadline=None, max_examples=50)
@given(records())
def test_buckets_hold_what_counting_by_hand_gives(values: list[bytes]) -> None:
    deltas = [decode(value) for value in values]
    horizon_ms = max((one.watermark_ms for one in deltas), default=0) - ItemLimits().bucket_retention_ms
    counted: Counter[tuple[int, str, str]] = Counter()
    weighed: Counter[tuple[int, str, str]] = Counter()
    for one in deltas:
        where = zip(one.items, one.countries, one.hours, strict=True)
        what = zip(one.codes, one.completions, one.late, one.in_trends, strict=True)
        for (item, country, hour), (code, completion, late, in_trends) in zip(where, what, strict=True):
            if code in COUNTED_CODES and hour >= horizon_ms // HOUR_MS and in_trends and not late:
                place = hour, one.strings[item], one.strings[country]
                counted[place] += 1
                weighed[place] += 5 if code == WATCH_END and completion >= 900 else WEIGHTS[code]
    stored: Counter[tuple[int, str, str]] = Counter()
    weights: Counter[tuple[int, str, str]] = Counter()
    for key, value in folded(values).items():
        if key[:1] == item_rows.BUCKET:
            row = item_rows.BUCKET_CODEC.decode(value)
            for country, number in row.countries.items():
                stored[*item_rows.bucket_of(key), country] = number
                weights[*item_rows.bucket_of(key), country] = row.weights.get(country, number)
    assert stored == counted
    assert weights == weighed


@settings(deadline=None, max_examples=50)
@given(records())
def test_days_hold_what_is_in_trends_late_or_not_and_popularity_everything(values: list[bytes]) -> None:
    events: Counter[str] = Counter()
    days: dict[str, list[int]] = defaultdict(list)
    for one in map(decode, values):
        for item, code, hour, in_trends in zip(one.items, one.codes, one.hours, one.in_trends, strict=True):
            events[one.strings[item]] += code in COUNTED_CODES
            days[one.strings[item]] += [hour // 24] * (code in COUNTED_CODES and in_trends)
    for key, value in folded(values).items():
        if key[:1] == item_rows.COUNTS:
            row, mine = item_rows.COUNTS_CODEC.decode(value), days[key[1:].decode()]
            kept = [day for day in mine if max(mine) - day < item_rows.KEPT_DAYS]
            assert (row.events, sum(row.days)) == (events[key[1:].decode()], len(kept))


@settings(deadline=None, max_examples=50)
@given(records(), st.integers(0, 12))
def test_a_plane_rebuilt_from_its_rows_goes_on_as_if_nothing_happened(values: list[bytes], crash: int) -> None:
    undisturbed = folded(values)
    store: dict[bytes, bytes] = {}
    first = ItemPlane(0, store, ItemLimits())
    for value in values[:crash]:
        first.apply(value)
        first.changes()
    second = ItemPlane(0, dict(store), ItemLimits())
    for value in values[crash:]:
        second.apply(value)
        store |= {key: row for key, row in second.changes() if row is not None}
    # Published rows alone, with tombstones, must equal the store of the undisturbed plane.
    expired = store.keys() - undisturbed.keys()
    assert all(key[:1] in (item_rows.BUCKET, item_rows.QUERY_BUCKET, item_rows.LEARNED) for key in expired)
    assert {key: store[key] for key in integer_rows(undisturbed)} == integer_rows(undisturbed)


def test_a_follower_knows_neighbours_counts_and_trend() -> None:
    signals = [
        Signal("a", VIEW, True, "NL", START_HOUR, False, 0, []),
        Signal("b", VIEW, True, "NL", START_HOUR, False, 1, ["a"]),
    ]
    model = ItemModel()
    store: dict[bytes, bytes] = {}
    plane = ItemPlane(0, store, ItemLimits())
    plane.apply(encode(route(signals, 1)[0], 0, START_HOUR * HOUR_MS))
    for key, value in plane.changes():
        model.apply(key, value)
    now_ms = START_HOUR * HOUR_MS
    model.refresh_priors(now_ms)
    assert [model.ids[index] for index in model.used_together(model.index("a")).nonzero()[0]] == ["b"]
    trending, _ = model.trending("NL", 24, now_ms, 5)
    assert sorted(model.ids[index] for index in trending) == ["a", "b"]
    assert len(model.trending("BR", 24, now_ms, 5)[0]) == 0


def test_buckets_expire_with_tombstones() -> None:
    plane = ItemPlane(0, {}, ItemLimits())
    old = Signal("a", VIEW, True, "NL", START_HOUR, False, 0, [])
    plane.apply(encode(route([old], 1)[0], 0, START_HOUR * HOUR_MS))
    plane.changes()
    new = Signal("b", VIEW, True, "NL", START_HOUR + 193, False, 0, [])
    plane.apply(encode(route([new], 1)[0], 0, (START_HOUR + 193) * HOUR_MS))
    assert dict(plane.changes())[item_rows.bucket_key(START_HOUR, "a")] is None
