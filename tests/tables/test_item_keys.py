"""Keys are the same everywhere, find their items, and one that two ids have is refused."""

import numpy as np
import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dead_letters import DeadLetters
from agents.followers.model_watermark import RefitCheckpoints
from agents.items import ItemsStep, PublicationLimiter
from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType
from tables import item_keys, item_rows
from tables.item_deltas import encode, route
from tables.item_keys import ItemKeys, KeyTaken, key_of
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.item_rows import CountsRow
from tables.signal import Signal
from tables.type_codes import CODE_OF


def test_a_key_depends_on_nothing_but_the_id() -> None:
    known = {"50": 0xADD4B6067B50EB24, "": 0xB4B2797457A0A6E4, "Amélie 🎬": 0x1C30B9424928D723}
    assert {name: f"{key_of(name):016x}" for name in known} == {name: f"{key:016x}" for name, key in known.items()}


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 300).map(lambda n: n << 40), max_size=200)))
def test_numbers_are_given_in_order_of_first_use(batches: list[list[int]]) -> None:
    keys, known = ItemKeys(), dict[int, int]()
    for batch in batches:
        expected = [known.setdefault(key, len(known)) for key in batch]
        assert keys.numbers(np.array(batch, np.uint64)).tolist() == expected
    assert keys.keys[: len(keys)].tolist() == list(known)


def test_an_item_may_be_known_by_its_key_before_its_id() -> None:
    keys = ItemKeys()
    assert keys.numbers(np.array([key_of("a"), key_of("b")], np.uint64)).tolist() == [0, 1]
    assert (keys.ids, keys.get("b")) == (["", ""], -1)
    assert (keys.number("b"), keys.number("c"), keys.get("b")) == (1, 2, 1)
    assert keys.ids == ["", "b", "c"]


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ids with one key, of which nobody knows any."""
    monkeypatch.setattr(item_keys, "_key_by_id", {"one": 7, "other": 7, "third": 8})


SENTENCE = "item 'other' has the 64-bit key of item 'one' and is not taken"


@pytest.mark.usefixtures("twins")
def test_a_key_that_another_item_has_is_refused_and_nothing_of_it_is_taken() -> None:
    model = ItemModel()
    model.apply_catalog("one", CatalogItem("one", title="One"))
    counts = item_rows.COUNTS_CODEC.encode(CountsRow(events=9))
    with pytest.raises(KeyTaken, match=SENTENCE):
        model.apply(item_rows.counts_key("other"), counts)
    with pytest.raises(KeyTaken, match=SENTENCE):
        model.apply_catalog("other", CatalogItem("other", title="Other"))
    model.apply(item_rows.counts_key("third"), counts)
    assert (model.ids, model.events[:2].tolist(), model.title(0)) == (["one", "third"], [0, 9], "One")


@pytest.mark.usefixtures("twins")
async def test_deltas_of_two_items_with_one_key_are_a_dead_letter_that_says_so() -> None:
    rows: dict[bytes, bytes] = {}
    step = ItemsStep(
        lambda: ItemPlane(0, rows, ItemLimits()),
        rows,
        PublicationLimiter(lambda: 0.0, 1, 10.0),
        RefitCheckpoints(4.0, lambda: False),
        lambda: 0.0,
        DeadLetters("letters"),
    )
    for offset, item in enumerate(("one", "other", "third")):
        signal = Signal(item, CODE_OF[EventType.VIEW], True, "NL", 472_000, False, offset, ["one"])
        value = encode(route([signal], 1)[0], 0, 0)
        step.fold(ConsumerRecord("item.deltas", 0, offset, 0, 1, b"0", value, None, 0, 0, ()))
    effects = await step.effects(3, force=True)
    assert effects is not None
    assert item_rows.counts_key("third") in dict(effects.changes)
    assert item_rows.counts_key("other") not in dict(effects.changes)
    (dead_letter,) = effects.outgoing
    headers = dict(dead_letter.headers)
    assert headers["freshet.reason"] == b"fold_failed"
    assert SENTENCE in headers["freshet.detail"].decode()
