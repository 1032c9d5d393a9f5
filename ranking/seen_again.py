"""What somebody is offered who has met everything that they may see: what they used themselves, the longest ago first.

Only then: as long as there is one item that is new to them, nothing is offered twice. What they refused (disliked,
skipped, hidden) is never offered again, so only items whose last event the history still tells are considered. An item
that the catalogue adds later is on the next list, alone: a list that is short is made again with any change of it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranking.filters.eligibility import AGAIN_RULES, allowed_to
from ranking.filters.request_context import RequestContexts
from ranking.ragged import NOTHING, Ints, Ragged, offsets_of
from ranking.recommendations import ListReason, Lists
from streams.contract.served import ALGORITHMS, Algorithm
from tables.engagement import POSITIVE_CODES
from tables.item_model import ItemModel

_BY_RULE = ALGORITHMS.index(Algorithm.RULE)


def items_again(contexts: RequestContexts, number: int, model: ItemModel, size: int) -> Ints:
    """int32[up to `size`]: what one viewer used and may see again, the longest ago first; every other rule holds."""
    user, _ = contexts.asked[number]
    if user is None:
        return NOTHING
    entries = user.history.entries  # the oldest first
    used = [
        index for item, (_, code) in entries.items() if code in POSITIVE_CODES and (index := model.index(item)) >= 0
    ]
    return allowed_to(np.array(used, np.int32), contexts.among([number]), model, AGAIN_RULES)[:size]


def with_seen_again(lists: Lists, contexts: RequestContexts, model: ItemModel, size: int) -> Lists:
    """The same, those that are empty filled with these items; they stay empty when there are none either."""
    sources = list(lists.sources)
    columns: tuple[list[NDArray[Any]], ...] = ([], [], [], [], [], [])
    for number in range(len(sources)):
        own = slice(*lists.items.offsets[number : number + 2].tolist())
        items = lists.items.values[own]
        parts: list[NDArray[Any]]
        if len(items):
            cited, codes, algorithms = lists.cited[own], lists.cited_codes[own], lists.algorithms[own]
            parts = [items, lists.reasons[own], lists.scores[own], cited, codes, algorithms]
        else:
            items = items_again(contexts, number, model, size)
            count = len(items)
            shown = np.linspace(1.0, 0.0, count, endpoint=False, dtype=np.float32)
            codes, by_rule = np.zeros(count, np.uint8), np.full(count, _BY_RULE, np.uint8)
            parts = [items, np.full(count, ListReason.SEEN_AGAIN, np.uint8), shown, items, codes, by_rule]
            sources[number] = "personal" if len(contexts.met.row(number)) else "popular"
        for at, part in enumerate(parts):
            columns[at].append(part)
    rows, *others = columns
    reasons, scores, cited, codes, algorithms = map(np.concatenate, others)
    return replace(
        lists,
        items=Ragged(offsets_of([len(row) for row in rows]), np.concatenate(rows)),
        reasons=reasons,
        scores=scores,
        cited=cited,
        cited_codes=codes,
        algorithms=algorithms,
        sources=sources,
    )
