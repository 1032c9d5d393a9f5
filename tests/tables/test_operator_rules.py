"""Which items rules are about, and what a block does to the catalogue: beside a plain reading of both."""

import itertools
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.catalog import CatalogItem
from streams.contract.rules import MAX_FACTOR, MAX_PINS, MIN_FACTOR, ItemMatch, OperatorRule
from tables.item_model import ItemModel
from tables.operator_rules import Pin

NOW_MS = 1_000
COUNTRIES = (None, "DE", "FR", "US")
IDS = [f"i{number}" for number in range(12)]


def rule(name: str, action: Any, match: ItemMatch, **fields: Any) -> OperatorRule:
    return OperatorRule(name, action, match, 1, **fields)


ITEMS = st.builds(
    CatalogItem,
    item_id=st.sampled_from(IDS),
    genres=st.lists(st.sampled_from(["War", "WAR", "Drama"]), max_size=2).map(tuple),
    item_type=st.sampled_from([None, "Movie", "short"]),
    regions=st.sampled_from([(), (), ("DE",), ("DE", "US")]),
    attributes=st.sampled_from(
        [
            {},
            {"studio": "A"},
            {"studio": ["B", "A"]},
            {"free": True, "studio": "C"},
            {"studio": "A", "long": "x" * 3000},
        ]
    ),
    available_until_ms=st.sampled_from([None, None, NOW_MS]),
)
MATCHES = st.one_of(
    st.builds(
        ItemMatch, items=st.lists(st.sampled_from([*IDS, "unheard of"]), min_size=1, max_size=4, unique=True).map(tuple)
    ),
    st.builds(
        ItemMatch,
        genre=st.sampled_from([None, "war", "Drama", "none"]),
        item_type=st.sampled_from([None, "movie"]),
        attributes=st.sampled_from([{}, {"studio": "A"}, {"free": "true"}, {"studio": "B/1"}]),
    ),
).filter(lambda match: match != ItemMatch())
BLOCKS = st.lists(st.tuples(MATCHES, st.sampled_from([(), ("DE",), ("DE", "US"), ("FR",)])), max_size=3)


def matches(match: ItemMatch, item: CatalogItem) -> bool:
    """What the documents say."""
    said = {name: value if isinstance(value, list) else [value] for name, value in item.attributes.items()}
    texts = {name: {"true" if one is True else one for one in values} for name, values in said.items()}
    return (
        (not match.items or item.item_id in match.items)
        and (match.genre is None or match.genre.casefold() in {genre.casefold() for genre in item.genres})
        and (match.item_type is None or (item.item_type or "").casefold() == match.item_type.casefold())
        and all(value in texts.get(name, ()) for name, value in match.attributes.items())
    )


@dataclass
class Told:
    """A catalogue, and what was said last of each item."""

    model: ItemModel
    items: dict[str, CatalogItem | None]

    def says(self, item_id: str, item: CatalogItem | None) -> None:
        self.items[item_id] = item
        self.model.apply_catalog(item_id, item)

    def check(self, rules: list[OperatorRule]) -> None:
        for item_id, item in self.items.items():
            index = self.model.index(item_id)
            if item is not None:
                about = [rule.rule_id for rule in self.model.rules.about(index)]
                assert about == [rule.rule_id for rule in rules if matches(rule.match, item)], item
            for country in COUNTRIES:
                offered = self.model.catalog.available(np.array([index]), NOW_MS, country).tolist() == [True]
                assert offered == self._may_be_offered(item, country, rules), (item, country, rules)

    def _may_be_offered(self, item: CatalogItem | None, country: str | None, rules: list[OperatorRule]) -> bool:
        if item is None or item.available_until_ms is not None or (item.regions and country not in item.regions):
            return False
        blocks = [rule for rule in rules if rule.action == "block" and matches(rule.match, item)]
        return not any(not rule.countries or country is None or country in rule.countries for rule in blocks)


@settings(deadline=None, max_examples=200)
@given(st.lists(ITEMS, max_size=15), BLOCKS, BLOCKS, st.lists(ITEMS | st.sampled_from(IDS), max_size=8))
def test_blocks_are_what_a_plain_reading_says(
    items: list[CatalogItem], first: Any, second: Any, later: list[CatalogItem | str]
) -> None:
    told = Told(ItemModel(), {})
    told.says("known", CatalogItem("known"))
    for item in items:
        told.says(item.item_id, item)
    for wanted in (first, second):
        rules = [rule(f"r{number}", "block", match, countries=where) for number, (match, where) in enumerate(wanted)]
        told.model.rules.follow(rules)
        told.check(rules)
    for one in later:
        told.says(*(one, None) if isinstance(one, str) else (one.item_id, one))  # type: ignore[misc]
    told.check(rules)
    told.model.rules.follow([])
    told.check([])
    assert told.model.catalog.blocked_items == 0


def test_who_is_offered_something_else_is_told() -> None:
    model = ItemModel()
    for item_id in "abc":
        model.apply_catalog(item_id, CatalogItem(item_id, genres=("War",) if item_id != "c" else ()))
    block = rule("r", "block", ItemMatch(genre="war"))
    assert model.rules.follow([block]) == [0, 1]
    assert model.rules.follow([block]) == []
    assert model.rules.follow([msgspec.structs.replace(block, match=ItemMatch(items=("b",)))]) == [0, 1]
    assert model.rules.follow([]) == [1]


def test_an_item_that_only_events_have_named_can_be_blocked() -> None:
    model = ItemModel()
    model.rules.follow([rule("r", "block", ItemMatch(items=("a",)))])
    for item_id in "ab":
        model._add(item_id)
    assert model.catalog.offered(np.arange(2), NOW_MS).tolist() == [False, True]
    model.apply_catalog("c", CatalogItem("c"))
    model.rules.follow([])
    assert model.catalog.offered(np.arange(3), NOW_MS).tolist() == [False, False, True], "the catalogue names neither"


FACTORS = st.lists(
    st.tuples(MATCHES, st.sampled_from([0.1, 0.5, 2.0, 10.0]), st.sampled_from([(), ("DE",)])), max_size=4
)


@settings(deadline=None, max_examples=100)
@given(st.lists(ITEMS, min_size=1, max_size=15), FACTORS)
def test_factors_of_an_item_are_multiplied_within_bounds(items: list[CatalogItem], wanted: Any) -> None:
    model, said = ItemModel(), {item.item_id: item for item in items}
    rules = [
        rule(f"r{number}", "boost" if factor > 1 else "bury", match, factor=factor, countries=where)
        for number, (match, factor, where) in enumerate(wanted)
    ]
    model.rules.follow(rules)
    for item in said.values():
        model.apply_catalog(item.item_id, item)
    for country in ("", "DE"):
        effect = model.rules.effect(country, "tv", "personal")
        for item in said.values():
            product = 1.0
            for one in rules:
                if matches(one.match, item) and (not one.countries or country == "DE"):
                    product *= one.factor or 1.0
            bounded = min(max(product, MIN_FACTOR), MAX_FACTOR)
            found = 1.0 if effect.factors is None else float(effect.factors[model.index(item.item_id)])
            assert abs(found - bounded) < 1e-5


def test_pins_take_different_slots_and_ten_at_most() -> None:
    model = ItemModel()
    for number in range(20):
        model.apply_catalog(f"i{number}", CatalogItem(f"i{number}"))
    pins = [
        rule("b", "pin", ItemMatch(items=("i1", "i2")), position=1),
        rule("a", "pin", ItemMatch(items=("i3", "i1")), position=2),
        rule("c", "pin", ItemMatch(items=("unheard of",)), position=4),
    ]
    model.rules.follow(sorted(pins, key=lambda one: one.rule_id))
    assert model.rules.effect("", "", "shared").pins == (Pin(0, 1), Pin(1, 3), Pin(2, 2))
    many = [rule(f"r{number}", "pin", ItemMatch(items=(f"i{number}",)), position=1) for number in range(12)]
    model.rules.follow(sorted(many, key=lambda one: one.rule_id))
    found = model.rules.effect("", "", "personal").pins
    assert [pin.slot for pin in found] == list(range(MAX_PINS))


def test_without_rules_nothing_is_asked() -> None:
    model = ItemModel()
    model.rules.follow([rule("r", "block", ItemMatch(genre="War"))])
    assert not model.rules.is_soft
    model.rules.follow([rule("r", "bury", ItemMatch(genre="War"), factor=0.5)])
    assert model.rules.is_soft


def test_a_block_that_ends_is_noticed_where_nobody_knows_the_country() -> None:
    model = ItemModel()
    model.rules.follow([rule("b", "block", ItemMatch(genre="War"), countries=("DE",))])
    made = {country: model.rules.signature(country, "tv") for country in ("DE", "FR", "", "XX")}
    model.rules.follow([])
    outdated = {country for country, under in made.items() if under.is_outdated(model.rules.signature(country, "tv"))}
    assert outdated == {"DE", "", "XX"}


def test_which_lists_are_outdated() -> None:
    model = ItemModel()
    pin = rule("a", "pin", ItemMatch(items=("i",)), position=1, countries=("DE",))
    block = rule("b", "block", ItemMatch(genre="War"))
    made = []
    for rules in ((), (pin,), (pin, block), (msgspec.structs.replace(pin, changed_ms=2), block), (pin,), ()):
        model.rules.follow(rules)
        made.append([model.rules.signature(country, "tv") for country in ("DE", "FR")])
    outdated = [
        [before.is_outdated(now) for before, now in zip(*pair, strict=True)] for pair in itertools.pairwise(made)
    ]
    assert outdated == [[True, False], [False, False], [True, False], [True, True], [True, False]]
    assert model.rules.version == 5
