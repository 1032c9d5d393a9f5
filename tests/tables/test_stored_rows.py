"""Rows that nobody of ours wrote: refused when they are restored, or harmless in every fold and list."""

import random
from functools import cache
from typing import Any

import msgspec
import pytest
from features_now import features_of
from golden_digests import LIMITS, user_steps
from golden_log import golden_events, golden_signals
from invariant_logs import PARTITIONS, START_MS

from ranking.pipeline import recommend
from ranking.ranker import Ranker
from streams.contract.events import EventType, Interaction, InvalidEvent
from tables import item_rows, user_keys
from tables.item_deltas import encode, route
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.stored_rows import check_item_row, check_user_row, segments_of_nobody
from tables.user_plane import UserPlane

TRIALS = 1_500
LATER_MS = max(append_ms for append_ms, _, _ in golden_events()) + 60_000
ODD: tuple[Any, ...] = (
    *(-1, 0, 2**40, -(2**62), 2**63, 2**64 - 1, 0.5, float("nan"), float("inf"), 1e308, None, True),
    *("", "x" * 300, b"", b"\xff" * 9, [], [1], ["a", "b"], [[]], {}, {"a": 1}, {"a": -1}, {"a": 2**64 - 1}),
)
Rows = dict[bytes, bytes]


@cache
def golden_users() -> tuple[Rows, ...]:
    """The rows of users that the golden log comes to, by partition."""
    return tuple(dict(folded.store) for folded in user_steps())


@cache
def golden_items() -> Rows:
    rows: Rows = {}
    plane = ItemPlane(0, rows, ItemLimits())
    for signals in (golden_signals(), golden_signals()[-300:]):
        plane.apply(encode(route(signals, 1)[0], 0, START_MS))
        plane.changes()
    return rows


def model_of(rows: Rows) -> ItemModel:
    """What a follower makes of them."""
    model = ItemModel()
    for key, value in rows.items():
        model.apply(key, value)
    model.refresh_priors(LATER_MS)
    return model


def damaged(draw: random.Random, value: bytes) -> bytes:
    """A row with something else in it: an odd value somewhere, or other bytes."""
    if draw.random() < 0.2:
        cut = draw.randrange(len(value))
        return draw.choice((value[:cut], b"{}", b"", value + b"\x00", bytes([*value[:cut], draw.randrange(256)])))
    decoded = msgspec.msgpack.decode(value)
    place = decoded
    while isinstance(place, list) and place:
        number = draw.randrange(1 if place is decoded and len(place) > 1 else 0, len(place))
        if not isinstance(place[number], list) or not place[number] or draw.random() < 0.3:
            place[number] = draw.choice(ODD)
            break
        place = place[number]
    return msgspec.msgpack.encode(decoded)


def is_refused(check: Any, key: bytes, value: bytes) -> bool:
    try:
        check(key, value)
    except ValueError:
        return True
    return False


def lacks_a_segment(rows: Rows) -> bool:
    return any(named not in rows for key, value in rows.items() for named in check_user_row(key, value))


def test_what_we_write_is_taken() -> None:
    for rows in golden_users():
        for key, value in rows.items():
            check_user_row(key, value)
        assert not lacks_a_segment(rows)
        assert segments_of_nobody(rows) == []
    for key, value in golden_items().items():
        check_item_row(key, value)


@pytest.mark.parametrize("value", [b"", b"nonsense", b"{}", b'{"user_id":"u1"}', b"\x93\x01\xc0\xc0", b"\x92\x63\x01"])
def test_what_is_no_row_is_refused_of_every_kind(value: bytes) -> None:
    for kinds, check in ((b"rdsp", check_user_row), (b"ctglnsvqwke", check_item_row)):
        for kind in kinds:
            assert is_refused(check, bytes([kind]) + b"\x00\x00\x00\x00u1", value)
    for key in (b"", b"?u1", b"r\xff", b"d\x00\x00", b"s\x00\x00\x00\x00\xff"):
        assert is_refused(check_user_row, key, value)


def test_a_damaged_row_of_a_user_is_refused_or_harmless() -> None:
    draw, refused = random.Random(1), 0
    model = model_of(golden_items())
    for trial in range(TRIALS):
        partition = draw.randrange(PARTITIONS)
        rows = dict(golden_users()[partition])
        key = draw.choice([each for each in rows if each[:1] != user_keys.PARTITION or draw.random() < 0.5])
        rows[key] = damaged(draw, rows[key])
        if is_refused(check_user_row, key, rows[key]) or lacks_a_segment(rows):
            refused += 1
            continue
        use(partition, rows, user_keys.user_of(key) or b"u1", model, trial)
    assert TRIALS / 4 < refused < TRIALS


def use(partition: int, rows: Rows, user: bytes, model: ItemModel, number: int) -> None:
    """Everything that an owner does with the rows of a user."""
    plane = UserPlane(partition, PARTITIONS, rows, LIMITS)
    user_id = user.decode()
    for place, kind in enumerate(EventType):
        event = Interaction(
            f"n{number}-{place}", kind, user_id, f"i{place % 9}", LATER_MS - 1_000 * place, rating=4.0, query="space"
        )
        try:
            plane.fold(event, user, 10_000_000 + place, LATER_MS)
        except InvalidEvent:
            continue
    found = plane.view(user_id)
    if found is not None:
        features_of(found, None, model, LATER_MS)
        recommend(found, None, model, Ranker.start(), LATER_MS, 20)
    plane.changes()
    plane.totals()
    plane.purge(user_id)


def test_a_damaged_row_of_an_item_is_refused_or_harmless() -> None:
    draw, refused = random.Random(2), 0
    for _ in range(TRIALS // 3):
        rows = dict(golden_items())
        key = draw.choice(list(rows))
        rows[key] = damaged(draw, rows[key]) if key[:1] != item_rows.VECTOR else b"\x00" * draw.randrange(300)
        if is_refused(check_item_row, key, rows[key]):
            refused += 1
            continue
        model = model_of(rows)
        assert all(0 <= score <= 1 for score in model.popular(LATER_MS, 20)[1])
        plane = ItemPlane(0, rows, ItemLimits())
        plane.apply(encode(route(golden_signals()[-300:], 1)[0], 0, START_MS))
        plane.changes()
    assert refused
