"""What goes into a list comes out of it, whole or its start; a value that is cut short or foreign is unreadable."""

from __future__ import annotations

import secrets

import numpy as np
import orjson
import pytest
from former_lists import former_fragment, former_list
from hypothesis import given
from hypothesis import strategies as st

from serving import list_format as lf
from serving.former_format import FormerItem, read_former
from serving.fragments import SCORE_STEPS
from serving.item_card import ItemCard
from serving.joined_list import decode, keys_in
from serving.seen_filter import item_hash
from serving.write_order import Order
from streams.contract.served import ALGORITHMS

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
KEYS = st.integers(1, 2**64 - 1)
SAID = st.builds(lf.Explanation, TEXTS, TEXTS, st.sampled_from(ALGORITHMS), st.one_of(st.just(0), KEYS))
ITEMS = st.lists(st.tuples(KEYS, st.integers(0, SCORE_STEPS), SAID), max_size=30)
BEGUN = st.lists(st.builds(lf.Begun, KEYS, st.floats(0, 100), st.floats(0, 10**8), st.integers(0, 2**53)), max_size=30)
STAMP = lf.ListStamp("v1", "personal", 3, 1_700_000_000_000, 1_700_000_900_000)

Rows = list[tuple[int, int, lf.Explanation]]


def items_of(rows: Rows) -> lf.Items:
    keys, steps = np.array([row[0] for row in rows], "<u8"), np.array([row[1] for row in rows], "<u2")
    return lf.scored(keys.tobytes(), steps.tobytes(), [row[2] for row in rows], lambda said: said)


def value_of(rows: Rows, user_id: str = "u", offset: int = 7) -> bytes:
    return STAMP.personal(user_id, offset, items_of(rows))


def rows_in(value: bytes, count: int = lf.MAX_ITEMS) -> Rows:
    listed = lf.read_scored(value, lf.read_prefix(value), count)
    strings = lf.strings_in(listed.strings)
    said = [lf.said_by(listed.sayings[place], strings) for place in listed.places]
    return list(zip(listed.keys, listed.steps, said, strict=True))


@given(ITEMS, st.integers(0, 40))
def test_the_first_items_are_the_first_that_were_put_in(rows: Rows, count: int) -> None:
    value = value_of(rows)
    assert rows_in(value, count) == rows[:count]
    assert rows_in(value) == rows
    assert list(lf.read_keys(value, lf.read_prefix(value))) == [row[0] for row in rows]
    assert keys_in(value) == {row[0] for row in rows} | {row[2].cited for row in rows} - {0}


@given(BEGUN)
def test_what_was_begun_comes_back_within_a_tenth(entries: list[lf.Begun]) -> None:
    value = STAMP.personal("u", 7, lf.begun(entries))
    found = lf.read_begun(value, lf.read_prefix(value))
    assert [(entry.key, entry.updated_at_ms) for entry in found] == [(one.key, one.updated_at_ms) for one in entries]
    for entry, one in zip(found, entries, strict=True):
        assert entry.progress_pct == pytest.approx(one.progress_pct, abs=0.0501)
        assert entry.position_s == pytest.approx(one.position_s, abs=0.0501)


@pytest.mark.parametrize("sayings", [1, 255, 256, 257, 1000])
def test_a_list_may_say_something_else_of_each_item(sayings: int) -> None:
    rows = [(n + 1, n, lf.Explanation("Because", "because", "rule", n % sayings)) for n in range(1000)]
    assert rows_in(value_of(rows)) == rows
    assert rows_in(value_of(rows), 300) == rows[:300]


def test_too_many_items_are_no_list() -> None:
    with pytest.raises(ValueError, match="1001 items"):
        items_of([(1, 1, lf.Explanation("", "", ""))] * 1001)


def test_a_hundred_items_are_two_kilobytes_at_most() -> None:
    """Ids as stores have them, a user by their HMAC, and two in five cite one of twenty items."""
    reasons = (
        ("Because you watched ", "because_you_watched"),
        ("Because you liked ", "because_you_watched"),
        ("Popular", "popular"),
        ("New this week", "new"),
        ("Trending in Netherlands", "trending"),
    )
    algorithms = ALGORITHMS[: len(ALGORITHMS) // 2]
    rows = []
    for n in range(100):
        cited = item_hash(f"seen-{n % 20}") if n % 5 < 2 else 0
        said = lf.Explanation(*reasons[n % 5], algorithms[n % len(algorithms)], cited)
        rows.append((item_hash(secrets.token_hex(12)), 10_000 - n * 37, said))
    value = STAMP.personal(secrets.token_hex(32), 123_456_789, items_of(rows))
    print(f"{len(value)} bytes for 100 items with {len({row[2] for row in rows})} different reasons")
    assert len(value) <= 2200


@given(TEXTS, st.integers(0, 2**62))
def test_header_says_what_the_list_reflects(user_id: str, offset: int) -> None:
    value = value_of([], user_id, offset)
    body = decode(value, {})
    assert body["user_id"] == user_id
    assert body["as_of"] == {"partition": 3, "offset": offset}
    assert body["generated_at"] == "2023-11-14T22:13:20.000Z"
    assert body["source"] == "personal"
    assert lf.read_prefix(value)[:2] == (3, offset)


def test_an_order_changes_nothing_else() -> None:
    value = value_of([(1, 5, lf.Explanation("Popular", "popular", "popular"))])
    written = lf.ordered(value, Order(3, 2**40))
    assert lf.read_prefix(written) == lf.read_prefix(value)._replace(term=3, sequence=2**40)
    assert decode(written, {}) == decode(value, {})


def test_a_shared_list_reflects_no_partition() -> None:
    value = STAMP.shared(lf.NOTHING)
    assert lf.read_prefix(value)[:2] == (lf.SHARED_PARTITION, lf.SHARED_OFFSET)
    assert "user_id" not in decode(value, {})


def test_a_list_is_whole_with_its_cards_and_says_which_are_missing() -> None:
    said = lf.Explanation("Because you liked ", "because_you_watched", "sequential", 9)
    cards = {7: ItemCard.of("i7", "Alien", b"16"), 9: ItemCard.of("i9", "Brazil", b"")}
    body = decode(value_of([(7, 9312, said), (8, 1, said)]), cards)
    assert body["recommendations"][0] == {
        "item_id": "i7",
        "title": "Alien",
        "score": 0.9312,
        "reason": "Because you liked Brazil",
        "reason_code": "because_you_watched",
        "algorithm": "sequential",
    }
    assert body["recommendations"][1]["item_key"] == "0000000000000008"


@given(st.lists(st.tuples(TEXTS, st.sampled_from([b"12", b"16 Ab3dXy_9", b""])), max_size=20), st.booleans())
def test_a_list_of_the_former_format_is_read(items: list[tuple[str, bytes]], has_facts: bool) -> None:
    fragments = [former_fragment(item_id, f"Title {item_id}") for item_id, _ in items]
    facts = [said for _, said in items] if has_facts else []
    value = former_list(b'{"user_id":"u"}', fragments, facts)
    expected = [
        FormerItem(item_hash(item_id), fragment, said if has_facts else b"")
        for (item_id, said), fragment in zip(items, fragments, strict=True)
    ]
    assert read_former(value, lf.read_prefix(value)) == expected
    assert decode(value, {})["recommendations"] == [orjson.loads(fragment) for fragment in fragments]


@given(st.binary(max_size=200))
def test_foreign_bytes_are_unreadable_and_nothing_else(value: bytes) -> None:
    with pytest.raises(lf.UnreadableList):
        lf.read_prefix(value)


def test_a_format_version_that_is_not_known_is_unreadable() -> None:
    """As a list of this one is to endpoints of the former release."""
    for version in (2, lf.FORMAT_VERSION + 1):
        value = value_of([])
        with pytest.raises(lf.UnreadableList, match=f"version {version}"):
            lf.read_prefix(value[:1] + bytes((version,)) + value[2:])


@given(ITEMS.filter(bool), st.data())
def test_a_value_cut_short_is_unreadable_and_nothing_else(rows: Rows, data: st.DataObject) -> None:
    value = value_of(rows)
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(lf.UnreadableList):
        rows_in(short)


@given(BEGUN.filter(bool), st.data())
def test_a_list_of_what_was_begun_cut_short_is_unreadable(entries: list[lf.Begun], data: st.DataObject) -> None:
    value = STAMP.personal("u", 7, lf.begun(entries))
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(lf.UnreadableList):
        lf.read_begun(short, lf.read_prefix(short))


@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_a_list_of_the_former_format_cut_short_is_unreadable(names: list[str], data: st.DataObject) -> None:
    value = former_list(b'{"user_id":"u"}', [former_fragment(name, "T") for name in names])
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(lf.UnreadableList):
        read_former(short, lf.read_prefix(short))


def test_a_list_may_not_expire_before_it_was_made() -> None:
    with pytest.raises(ValueError, match="expire"):
        lf.ListStamp("v1", "personal", 0, 2, 1)
