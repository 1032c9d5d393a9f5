"""A list of everybody in the order of one reader: near the top is what is high in it and on the reader's own list."""

from __future__ import annotations

import re
from typing import Final

from serving.endpoint.list_filter import Item, keys_of
from serving.endpoint.supply import FoundList

#: How much the first places of the two orders differ: a large number makes both count alike all the way down.
FUSION: Final = 20
_SCORE: Final = re.compile(rb'(?<=,"score":)[0-9.]+')  # quotes inside a title are escaped: no title holds this


def in_order_of(own: FoundList | None, items: list[Item]) -> list[Item]:
    """The items by the sum of 1 / (20 + place) in both lists (Cormack, Clarke, Büttcher, SIGIR 2009). Scores keep their
    places, so that they never rise. Without an own list of the reader everything stays as it is."""
    if own is None:
        return items
    places = {key: place for place, key in enumerate(keys_of(own.value, own.prefix))}

    def worth(numbered: tuple[int, Item]) -> float:
        place, (key, _) = numbered
        wanted = places.get(key)
        return 1 / (FUSION + place) + (0.0 if wanted is None else 1 / (FUSION + wanted))

    ordered = sorted(enumerate(items), key=worth, reverse=True)
    scores = [_SCORE.search(fragment) for _, fragment in items]
    return [
        (key, _SCORE.sub(score[0], fragment, count=1) if score else fragment)
        for (_, (key, fragment)), score in zip(ordered, scores, strict=True)
    ]
