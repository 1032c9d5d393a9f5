"""Cutting a list as bytes gives exactly what parsing, cutting and writing JSON would."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import list_format as lf
from serving.fragments import item_fragment
from serving.write_order import Order

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ITEMS = st.lists(st.tuples(TEXTS, TEXTS, st.floats(0, 1)), max_size=30)
STAMP = lf.ListStamp("v1", "personal", 3, 1_700_000_000_000, 1_700_000_900_000)


def value_of(items: list[tuple[str, str, float]], user_id: str = "u", offset: int = 7) -> bytes:
    return STAMP.personal(user_id, offset, [item_fragment(i, t, s, "Because", "because") for i, t, s in items])


@given(ITEMS, st.integers(0, 40), st.integers(0, 40))
def test_cut_equals_slicing_the_parsed_list(items: list[tuple[str, str, float]], offset: int, limit: int) -> None:
    value = value_of(items)
    whole = [item_id for item_id, _, _ in items]
    cut = orjson.loads(b"[%b]" % lf.cut(value, lf.read_prefix(value), offset, limit))
    assert [item["item_id"] for item in cut] == whole[offset : offset + limit]
    assert [item["title"] for item in cut] == [title for _, title, _ in items][offset : offset + limit]


@given(ITEMS)
def test_each_fragment_alone_is_the_whole_list(items: list[tuple[str, str, float]]) -> None:
    value = value_of(items)
    prefix = lf.read_prefix(value)
    assert b",".join(lf.cut_each(value, prefix)) == lf.cut(value, prefix, 0, prefix.items)


@given(TEXTS, st.integers(0, 2**62))
def test_header_says_what_the_list_reflects(user_id: str, offset: int) -> None:
    value = value_of([], user_id, offset)
    body = lf.decode(value)
    assert body["user_id"] == user_id
    assert body["as_of"] == {"partition": 3, "offset": offset}
    assert body["generated_at"] == "2023-11-14T22:13:20.000Z"
    assert body["source"] == "personal"
    assert lf.read_prefix(value)[:2] == (3, offset)


def test_an_order_changes_nothing_else() -> None:
    value = value_of([("a", "A", 0.5)])
    written = lf.ordered(value, Order(3, 2**40))
    assert lf.read_prefix(written) == lf.read_prefix(value)._replace(term=3, sequence=2**40)
    assert lf.decode(written) == lf.decode(value)


def test_a_shared_list_reflects_no_partition() -> None:
    value = STAMP.shared([b"{}"])
    assert lf.read_prefix(value)[:2] == (lf.SHARED_PARTITION, lf.SHARED_OFFSET)
    assert "user_id" not in lf.decode(value)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_unreadable_and_nothing_else(value: bytes) -> None:
    with pytest.raises(lf.UnreadableList):
        lf.read_prefix(value)


@given(ITEMS.filter(bool), st.data())
def test_a_value_cut_short_is_unreadable_and_nothing_else(
    items: list[tuple[str, str, float]], data: st.DataObject
) -> None:
    value = value_of(items)
    short = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(lf.UnreadableList):
        lf.cut(short, lf.read_prefix(short), 0, len(items))


def test_a_list_may_not_expire_before_it_was_made() -> None:
    with pytest.raises(ValueError, match="expire"):
        lf.ListStamp("v1", "personal", 0, 2, 1)
