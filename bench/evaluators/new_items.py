"""New items: how well those are ranked of which only the catalogue, or only a few users, can tell.

A seeded fifth of the items that enough users met is new. Everything else of the log is learned, and of each new item
the first `known` interactions. Users who met enough new items later are then asked for: of all new items that they had
not met, which are the first ten? P@10 is the share of those that they did meet.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from offline.evaluate import metrics
from offline.evaluate.intervals import interval
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction

NEW_SHARE = 0.2
LEAST_USERS_OF_ITEM = 20
LEAST_ITEMS_OF_USER = 5
TOP = 10


class RanksNewItems(Protocol):
    """What can put new items in order for a user."""

    def learn(self, event: Interaction) -> None:
        """The next event of the log."""

    def describe(self, items: Sequence[CatalogItem]) -> None:
        """The new items appear in the catalogue."""

    def rank(self, user_id: str, now_ms: int, items: Sequence[str]) -> list[str]:
        """`items` in the order in which the user is most likely to want them."""


@dataclass(frozen=True)
class NewItemSplit:
    """`train` in the order of the log; `new` item ids; `wanted` by evaluated user; `met` what evaluated users met of
    the new items within `train`; `now_ms` is when is asked."""

    train: list[Interaction]
    new: list[str]
    wanted: dict[str, frozenset[str]]
    met: dict[str, frozenset[str]]
    now_ms: int

    @classmethod
    def of(cls, events: Sequence[Interaction], known: int, seed: int) -> "NewItemSplit":
        """Splits a log, leaving `known` interactions of each new item in `train`."""
        users_of = Counter(event.item_id for event in events)
        enough = [item for item, users in users_of.items() if users >= max(LEAST_USERS_OF_ITEM, 2 * known)]
        chosen = np.random.default_rng(seed).choice(len(enough), int(len(enough) * NEW_SHARE), replace=False)
        new = [enough[number] for number in sorted(chosen.tolist())]
        kept: Counter[str] = Counter(dict.fromkeys(new, 0))
        train: list[Interaction] = []
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        met: defaultdict[str, set[str]] = defaultdict(set)
        for event in events:
            if event.item_id in kept and kept[event.item_id] >= known:
                wanted[event.user_id].add(event.item_id)
                continue
            if event.item_id in kept:
                kept[event.item_id] += 1
                met[event.user_id].add(event.item_id)
            train.append(event)
        learned = {event.user_id for event in train}
        evaluated = [user for user, items in wanted.items() if len(items) >= LEAST_ITEMS_OF_USER and user in learned]
        return cls(
            train,
            new,
            {user: frozenset(wanted[user]) for user in evaluated},
            {user: frozenset(met[user]) for user in evaluated},
            events[-1].timestamp_ms,
        )


def evaluate_new_items(
    split: NewItemSplit, catalog: Mapping[str, CatalogItem], model: RanksNewItems, seed: int
) -> dict[str, Any]:
    """P@10 among new items and its interval, over users."""
    for event in split.train:
        model.learn(event)
    model.describe([catalog[item] for item in split.new if item in catalog])
    precision = []
    for user, wanted in split.wanted.items():
        items = [item for item in split.new if item not in split.met[user]]
        first = model.rank(user, split.now_ms, items)[:TOP]
        precision.append(len(wanted.intersection(first)) / TOP)
    values = np.array(precision)
    return {
        "precision_at_10": metrics.mean(values),
        "ci95": interval(values, np.arange(len(values), dtype=np.int32), seed),
    }
