"""Operators' rules on a list of nobody in particular, as `rerank` has them on a user's list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ranking.ragged import Ints
from ranking.recommendations import CODES, ListReason, ReasonCode, Recommendations, text_of
from streams.contract.served import Algorithm
from tables.item_model import ItemModel
from tables.operator_rules import Pin

#: So many times the items that are shown are put in order, for a boost to bring some in.
REACH = 3

Said = tuple[ReasonCode, str, int, Algorithm]
#: bool[items]: which of the items may be brought into a list that they are not on.
MayShow = Callable[[Ints], NDArray[np.bool_]]


def reach(model: ItemModel, size: int) -> int:
    """How many items to find for a list of `size`."""
    return REACH * size if model.rules.is_soft else size


def by_rules(
    listed: Recommendations,
    model: ItemModel,
    size: int,
    country: str | None,
    may_show: MayShow | None = None,
    *,
    pins: bool = True,
) -> Recommendations:
    """The first `size` items under the rules for lists of everybody in a country (None = anywhere). What is pinned is
    brought in where it may be shown; without `may_show` a pin only moves what is found anyway: what is said of such a
    list (trending, new) holds of all its items. Not `pins`: they have no meaning on it. A list is never shorter than
    without rules."""
    effect = model.rules.effect(country or "", "", "shared")
    if not effect.rules:
        return listed.first(size)
    slots = effect.pins if pins else ()
    items, scores = listed.item_index, listed.score
    if effect.factors is not None:
        scores = scores * effect.factors[items]
    order = np.argsort(-scores, kind="stable")
    if len(scores):
        scores = scores / max(1.0, float(scores[order[0]]))
    added = [pin.item for pin in slots if pin.item not in items]
    if may_show is None or not added:
        added = []
    else:
        candidates = np.array(added, np.int32)
        added = candidates[may_show(candidates)].tolist()
    items = np.concatenate([items, np.array(added, np.int32)])
    scores = np.concatenate([scores, np.zeros(len(added))])
    places = _in_slots(items, [*order.tolist(), *range(len(order), len(items))], slots)[:size]
    shown = np.maximum.accumulate(scores[places][::-1])[::-1].astype(np.float32)
    pinned = {pin.item for pin in slots}
    said: list[Said] = [
        _FEATURED
        if item in pinned
        else (listed.reason_code[place], listed.reason[place], int(listed.reason_item[place]), listed.algorithms[place])
        for place, item in zip(places, items[places].tolist(), strict=True)
    ]
    return replace(
        listed,
        item_index=items[places],
        score=shown,
        reason_code=[one[0] for one in said],
        reason=[one[1] for one in said],
        reason_item=np.array([one[2] for one in said], np.int32),
        algorithms=[one[3] for one in said],
    )


#: Code, text, no cited item, algorithm.
_FEATURED: Said = (CODES[ListReason.FEATURED], text_of(ListReason.FEATURED, ""), -1, Algorithm.RULE)


def _in_slots(items: Ints, order: list[int], pins: tuple[Pin, ...]) -> list[int]:
    """`order`, places in `items`, with what is pinned in its slot."""
    place_of = {int(item): place for place, item in enumerate(items.tolist())}
    held = [(pin.slot, place_of[pin.item]) for pin in pins if pin.item in place_of]
    taken = {place for _, place in held}
    made = [place for place in order if place not in taken]
    for slot, place in held:
        made.insert(slot, place)
    return made
