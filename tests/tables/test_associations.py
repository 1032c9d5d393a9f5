"""Whoever follows what items learn holds what their owner holds, to the last bit, from wherever it began."""

import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events import EventType
from tables import associations, item_rows, learned
from tables.checkpoints import Checkpoints
from tables.delta_records import records_of
from tables.item_keys import key_of
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal
from tables.type_codes import CODE_OF

VIEW = CODE_OF[EventType.VIEW]
START_HOUR = 472_000
PARTITIONS = 2
Changes = list[tuple[bytes, bytes | None]]


def batches(seed: int, count: int, items: int = 90) -> list[list[Signal]]:
    """Visits of items, each with what was used before it; more neighbours than a row takes."""
    pick = random.Random(seed)
    names = [f"i{number}" for number in range(items)]
    return [
        [
            Signal(
                pick.choice(names),
                VIEW,
                pick.random() < 0.9,
                "NL",
                START_HOUR + at + pick.randrange(-300, 1),
                False,
                at,
                pick.sample(names, pick.randrange(min(30, items))) if pick.random() < 0.9 else [],
            )
            for _ in range(pick.randrange(1, 8))
        ]
        for at in range(count)
    ]


class Topic:
    """What is published, and what compaction may leave of it."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, bytes | None]] = []

    def publish(self, partition: int, changes: Changes) -> None:
        self.records += [(partition, key, value) for key, value in changes]

    def compacted(self, pick: random.Random) -> list[tuple[int, bytes, bytes | None]]:
        """Every last record of a key, and some of those before; tombstones of some."""
        last = {(partition, key): nth for nth, (partition, key, _) in enumerate(self.records)}
        first_kept = pick.randrange(len(self.records) + 1)
        return [
            record
            for nth, record in enumerate(self.records)
            if nth >= first_kept or (last[record[:2]] == nth and (record[2] is not None or pick.random() < 0.5))
        ]


def known(model: ItemModel) -> dict[str, object]:
    """Everything that a model knows of what is used together, by id and down to the place in a row."""
    found: dict[str, object] = {}
    for index, item_id in enumerate(model.ids):
        parts: list[object] = [model.learned(index)]
        for columns in (model.neighbours, model.successors):
            weights = columns.weights[index]
            parts.append([model.ids[other] for other in columns.items[index, weights > 0].tolist()])
            parts.append(weights.tobytes())
        found[item_id] = parts
    return found


def follow(records: Sequence[tuple[int, bytes, bytes | None]]) -> ItemModel:
    model = ItemModel()
    for _, key, value in records:
        model.apply(key, value)
    return model


class World:
    """Owners of the partitions, what they publish, and one who follows from the beginning."""

    def __init__(self) -> None:
        self.stores: list[dict[bytes, bytes]] = [{} for _ in range(PARTITIONS)]
        self.planes = [ItemPlane(number, store, ItemLimits()) for number, store in enumerate(self.stores)]
        self.topic, self.live = Topic(), ItemModel()

    def tell(self, batch: list[Signal]) -> None:
        for target, value in records_of(batch, PARTITIONS, 0):
            self.planes[target].apply(value)

    def publish(self, target: int, *, whole: bool = False) -> None:
        changes = self.planes[target].changes(whole=whole)
        self.topic.publish(target, changes)
        for key, value in changes:
            self.live.apply(key, value)

    def restart(self, target: int) -> None:
        """Another owner, who has the rows as they were published."""
        self.stores[target] = dict(self.stores[target])
        self.planes[target] = ItemPlane(target, self.stores[target], ItemLimits())


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_owners_and_followers_hold_the_same_wherever_they_began(seed: int) -> None:
    pick, world = random.Random(seed), World()
    for batch in batches(seed, 40):
        world.tell(batch)
        for target in range(PARTITIONS):
            if pick.random() < 0.5:
                world.publish(target, whole=pick.random() < 0.05)
                if pick.random() < 0.2:
                    world.restart(target)
    for target in range(PARTITIONS):
        world.publish(target)
    assert known(follow(world.topic.compacted(pick))) == known(world.live)
    for target in range(PARTITIONS):
        world.publish(target, whole=True)
    of_the_owners = follow([(0, key, value) for store in world.stores for key, value in store.items()])
    assert known(of_the_owners) == known(world.live)
    assert not [key for store in world.stores for key in store if key[:1] == item_rows.LEARNED]


def test_a_restart_between_any_two_publications_changes_no_bit() -> None:
    calm, restarted = World(), World()
    for batch in batches(3, 60):
        for world in (calm, restarted):
            world.tell(batch)
            for target in range(PARTITIONS):
                world.publish(target)
        restarted.restart(0)
        restarted.restart(1)
    assert known(calm.live) == known(restarted.live)


def test_records_are_removed_once_rows_contain_them_and_take_no_more_than_twice_the_rows() -> None:
    world, most = World(), 0.0
    for nth, batch in enumerate(batches(5, 1_500)):
        world.tell(batch)
        for target in range(PARTITIONS):
            world.publish(target)
        if nth > 500:
            kinds = dict.fromkeys((item_rows.LEARNED, item_rows.ASSOCIATIONS), 0)
            for key, value in world.stores[0].items():
                if key[:1] in kinds:
                    kinds[key[:1]] += len(key) + len(value)
            most = max(most, kinds[item_rows.LEARNED] / kinds[item_rows.ASSOCIATIONS])
    assert 0 < most < 2.1


def test_what_is_told_often_between_two_publications_is_published_as_rows() -> None:
    world = World()
    for batch in batches(7, 3_000, items=6):
        world.tell(batch)
    world.publish(0)
    assert {key[:1] for key in world.stores[0]} >= {item_rows.ASSOCIATIONS}
    assert item_rows.LEARNED not in {key[:1] for key in world.stores[0]}


def a_record() -> bytes:
    """A visit with two items before it, and two visits of others, with three items before them."""
    keys = np.array([key_of(f"i{number}") for number in range(5)], np.uint64)
    columns = ([0], [START_HOUR], [2], [1, 2], [3, 4], [START_HOUR, START_HOUR + 1], [1, 2], [0, 1, 2], [0, 0, 1])
    return learned.encode(learned.Learned(1, keys, *(np.array(column, np.int64) for column in columns)))


def a_row() -> bytes:
    world = World()
    for batch in batches(1, 3):
        world.tell(batch)
    world.publish(0, whole=True)
    return next(
        value for key, value in world.stores[0].items() if key[:1] == item_rows.ASSOCIATIONS and len(value) > 90
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", 0),
        ("number", 2**63),
        ("keys", b"seven b"),
        ("keys", bytes(8)),
        ("base_hour", -10_000_000),
        ("base_hour", 2**60),
        ("visits", (b"\0\0", [], b"\0", b"")),
        ("visits", (b"\0\0", [1], b"\2", b"\0\0")),
        ("groups", (b"\0\0", [1], b"\2", b"\0\0", b"\0")),
        ("groups", (b"\0\0", [1], b"\1", b"\0\0", b"")),
        ("groups", (b"\xff\xff", [1], b"\1", b"\0\0", b"\0")),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_and_changes_nothing(field: str, value: object) -> None:
    record = learned.CODEC.decode(a_record())
    hostile = learned.CODEC.encode(msgspec.structs.replace(record, **{field: value}))
    model = ItemModel()
    model.apply(item_rows.learned_key(1), a_record())
    assert model.neighbours.weights.any()
    model = ItemModel()
    with pytest.raises((ValueError, OverflowError)):
        model.apply(item_rows.learned_key(1), hostile)
    assert not model.ids


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", -1),
        ("number", 2**63),
        ("visits", float("nan")),
        ("sizes", bytes(11)),
        ("sizes", bytes(12)),
        ("sizes", b"\xff" * 12),
        ("keys", b"1234567"),
        ("weights", b"1234"),
        ("weights", None),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_and_changes_nothing(field: str, value: object) -> None:
    row = associations.CODEC.decode(a_row())
    if value is None:
        value = np.full(len(row.weights) // 4, -1, "<f4").tobytes()
    hostile = associations.CODEC.encode(msgspec.structs.replace(row, **{field: value}))
    model = ItemModel()
    with pytest.raises((ValueError, OverflowError)):
        model.apply(item_rows.associations_key("i1"), hostile)
    assert not model.neighbours.weights.any()


def test_an_item_of_which_only_the_key_is_known_is_on_no_list() -> None:
    model = ItemModel()
    record = learned.Learned(
        1,
        np.array([key_of("a"), key_of("b")], np.uint64),
        *(np.array(column, np.int64) for column in ([0], [START_HOUR], [1], [1], [], [], [], [], [])),
    )
    model.apply(item_rows.learned_key(1), learned.encode(record))
    now_ms = START_HOUR * 3_600_000
    model.refresh_priors(now_ms)
    assert (model.ids, model.index("a"), len(model.popular(now_ms, 9)[0])) == (["", ""], -1, 0)
    model.apply(item_rows.associations_key("a"), None)
    model.refresh_priors(now_ms)
    assert (model.ids, model.popular(now_ms, 9)[0].tolist()) == (["a", ""], [0])


def test_rows_wait_in_the_order_in_which_they_changed() -> None:
    waiting = Checkpoints()
    waiting.grow(5)
    rows = [np.array(rows, np.int32) for rows in ([3, 1], [1, 2], [3])]
    for number, changed in enumerate(rows, 1):
        waiting.changed(changed, number)
        waiting.published(number, 10)
    order = []
    while (row := waiting.next_row()) is not None:
        order.append(row)
        waiting.written(row, 6)
        if row == 3:
            assert waiting.take_outdated() == []
    assert order == [3, 1, 2]
    assert waiting.take_outdated() == [1, 2, 3]
    assert (len(waiting), waiting.next_row()) == (0, None)


def test_rows_of_a_former_release_become_rows_of_this_one() -> None:
    weights = np.array([2.0, 8.0], "<f4").tobytes()
    store = {
        b"n\x03a": msgspec.msgpack.encode([2, ["b", "c"], weights]),
        b"n\x05a": msgspec.msgpack.encode([1, ["d"], weights[:4]]),
        b"s\x00a": msgspec.msgpack.encode([2, ["c"], weights[4:]]),
        b"va": msgspec.msgpack.encode([1, 3.5]),
        b"vb": msgspec.msgpack.encode([1, 0.5]),
    }
    plane = ItemPlane(0, store, ItemLimits())
    model = follow([(0, key, value) for key, value in plane.changes()])
    a = model.index("a")
    assert (model.learned(a), model.learned(model.index("b"))) == (3.5, 0.5)
    named = [key_of(name) for name in "bcd"]
    held = np.flatnonzero(model.neighbours.weights[a])
    found = dict(
        zip(model.keys.keys[model.neighbours.items[a, held]].tolist(), model.neighbours.weights[a, held], strict=True)
    )
    assert found == dict(zip(named, [2.0, 8.0, 2.0], strict=True))
    assert model.successors.weights[a].max() == 8.0
    assert {key[:1] for key in store} == {item_rows.ASSOCIATIONS}
    assert ItemPlane(0, dict(store), ItemLimits()).changes(whole=True) == []
