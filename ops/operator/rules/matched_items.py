"""What a rule would do to the catalogue as it is now: how many items it is about, and how many a block leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.followers.refusals import read_usable
from streams.contract.catalog import MATURITIES, Maturity, maturity_age
from streams.contract.rules import OperatorRule
from streams.contract.unreadable import read_catalog_item
from streams.kafka.topics import Topics
from tables.item_model import ItemModel

#: A block must leave readers of every age so many items, a first page, wherever it holds.
MIN_LEFT = 20


@dataclass(frozen=True, slots=True)
class MatchedItems:
    """Items of the catalogue that a rule is about, and for whom a block leaves too few: country ("" = not known),
    maturity, how many there were and are."""

    count: int
    too_few: Sequence[tuple[str, str, int, int]]


async def read_catalogue(bootstrap: str, topics: Topics) -> ItemModel:
    """The catalogue as of now. Raises `TopicMissing`."""
    model = ItemModel()

    def apply(key: bytes | None, value: bytes | None) -> None:
        item_id, item, problem = read_catalog_item(key, value)
        if item_id is not None:
            model.apply_catalog(item_id, item)
        if problem is not None:
            raise problem

    await read_usable(bootstrap, [topics.catalog], lambda r: apply(r.key, r.value))
    return model


def matched_items(model: ItemModel, rule: OperatorRule, others: Iterable[OperatorRule], now_ms: int) -> MatchedItems:
    """Of a rule beside the `others` that there are, at `now_ms`; of one that begins later, when it does."""
    at_ms = max(now_ms, rule.from_ms or 0)
    beside = [one for one in others if one.rule_id != rule.rule_id and one.holds_at(at_ms)]
    # Whoever is where nobody knows loses what is blocked anywhere; without named countries a block holds in all of
    # them, and where items are bounded to some, each has another catalogue.
    named = rule.countries or {*model.catalog.regions.names, *(country for one in beside for country in one.countries)}
    audiences = [(country, maturity) for country in ("", *sorted(named)) for maturity in MATURITIES]
    model.rules.follow(beside)
    before = [_left(model, country, maturity, at_ms) for country, maturity in audiences]
    model.rules.follow([*beside, rule])
    after = [_left(model, country, maturity, at_ms) for country, maturity in audiences]
    counted = zip(audiences, before, after, strict=True)
    too_few = [(*audience, was, left) for audience, was, left in counted if left < min(was, MIN_LEFT)]
    return MatchedItems(sum(rule in model.rules.about(index) for index in range(len(model))), too_few)


def _left(model: ItemModel, country: str, maturity: Maturity, now_ms: int) -> int:
    items = np.arange(len(model))
    return int(model.catalog.available(items, now_ms, country or None, maturity_age(maturity)).sum())
