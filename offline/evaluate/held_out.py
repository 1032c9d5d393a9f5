"""Evaluation by held-out targets: everything else is learned, then every user is asked once. Each target is ranked
among all items of the log so far that its user has not met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np

from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.prequential import KEPT, LIST_SIZE, EvaluatedEvents, Observer, evaluated_of, row_of
from offline.evaluate.recommender import Recommender
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction


@runtime_checkable
class NamesCandidates(Protocol):
    """A recommender that scores some items only."""

    def candidates(self, user_id: str, now_ms: int, size: int) -> set[str]:
        """The items that could be on a list of `size`."""


@dataclass(frozen=True, slots=True)
class HeldOutEvents:
    """What happened at every target, and the share of the targets among the candidates (None: it scores all items)."""

    evaluated: EvaluatedEvents
    candidate_recall: float | None


def held_out(
    learned: Sequence[Interaction],
    targets: Sequence[Interaction],
    recommender: Recommender,
    progress: Callable[[int], None] = lambda _: None,
    catalog: Mapping[str, CatalogItem] = MappingProxyType({}),
) -> HeldOutEvents:
    """Teaches `recommender` what is `learned` and asks for the `targets`, as of the end of what was learned; `progress`
    hears how many of both are done. Raises `NotAList`."""
    observer = Observer(catalog)
    now_ms = 0
    for number, event in enumerate(learned):
        recommender.learn(event)
        observer.note(event)
        now_ms = max(now_ms, event.timestamp_ms)
        if number % 1000 == 0:
            progress(number)
    if isinstance(recommender, Nightly):
        recommender.refit()
    rows, lists, met, found = [], [], 0, 0
    for number, event in enumerate(targets):
        given = recommender.recommend(event.user_id, now_ms, LIST_SIZE)
        listed = observer.unmet(given, event.user_id)
        met += len(given) - len(listed)
        rows.append(row_of(number, event, listed, observer))
        lists.append([observer.items[item_id] for item_id in listed[:KEPT]])
        if isinstance(recommender, NamesCandidates):
            found += event.item_id in recommender.candidates(event.user_id, now_ms, LIST_SIZE)
        if number % 100 == 0:
            progress(len(learned) + number)
    recall = float(np.round(found / max(len(targets), 1), 4)) if isinstance(recommender, NamesCandidates) else None
    return HeldOutEvents(evaluated_of(rows, lists, observer, met), recall)
