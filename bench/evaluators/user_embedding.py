"""Is an online update of the user's vector by a river optimiser worth having on top of the fold-in?

The product folds in: the vector is a recency-weighted sum of item vectors. Here it also moves by a learned offset:
after every event a river optimiser takes one step of logistic loss on it, towards what the user chose and away from
items drawn from the catalogue, and the offset fades. Both vectors are evaluated at the same events: by where the item
that came next stands in the order of the vector alone, and in the list that the ranker makes with that vector.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import optim

from offline.evaluate import metrics
from offline.evaluate.freshet import Freshet
from offline.evaluate.intervals import interval
from offline.evaluate.prequential import MISS, Window
from offline.production_path import ProductionPath
from ranking import features
from ranking.candidates import EMBEDDING_SIZE
from ranking.decision import Decisions
from ranking.pipeline import Pooled
from ranking.seen_index import seen_indices
from ranking.user_embedding import user_embedding
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction

LIST_SIZE = 100
#: Best of 0.03, 0.1 and 0.3 by HR@10 of the vector alone on events 60,000 to 80,000 of ml-100k.
STEP = 0.1
FADING = 0.9
NEGATIVES = 8
#: Cosines of vectors lie close together: so steep is the sigmoid.
STEEPNESS = 8.0

Floats = NDArray[np.float32]


class OnlineOffsets:
    """What river has learned of every user beyond the fold-in."""

    def __init__(self, seed: int, step: float = STEP) -> None:
        self._random = np.random.default_rng(seed)
        self._optimizer = optim.SGD(step)
        self._offsets: dict[str, Floats] = {}

    def applied(self, user_id: str, folded: Floats) -> Floats:
        """float32[128]: the vector with the offset, of length 1."""
        offset = self._offsets.get(user_id)
        return folded if offset is None else _unit(folded + offset)

    def learn(self, user_id: str, folded: Floats, chosen: int, vectors: Floats) -> None:
        """One step after the item of index `chosen` was used; `vectors` float32[items, 128] are all there are."""
        if not folded.any() or not vectors[chosen].any():
            return
        now = self.applied(user_id, folded)
        drawn = self._random.integers(len(vectors), size=NEGATIVES)
        rows = np.concatenate([[chosen], drawn[drawn != chosen]])
        labels = np.zeros(len(rows), np.float32)
        labels[0] = 1
        chances = 1 / (1 + np.exp(-STEEPNESS * (vectors[rows] @ now - 0.5)))
        gradient = (chances - labels) @ vectors[rows]
        weights: dict[Hashable, Any] = {
            "offset": self._offsets.get(user_id, np.zeros_like(folded)) * np.float32(FADING)
        }
        self._optimizer.step(weights, {"offset": gradient})
        self._offsets[user_id] = weights["offset"]


def compare(
    events: Sequence[Interaction], catalog: Mapping[str, CatalogItem], window: Window, seed: int, step: float = STEP
) -> dict[str, Any]:
    """HR@10, NDCG@10 and recall of the generator's 200 by the vector alone, and HR@10 and NDCG@10 of the ranked list,
    with the fold-in and with the online update; `gain` is the difference event by event with its interval."""
    path = ProductionPath()
    freshet, offsets = Freshet(path, catalog), OnlineOffsets(seed, step)
    ranks: list[tuple[int, int, int, int]] = []
    users: list[str] = []
    for number, event in enumerate(events[: window.stop]):
        evaluated = window.evaluators(number)
        if evaluated:
            path.publish(event.timestamp_ms)
        model = path.model
        chosen = model.index(event.item_id)
        user = path.user(event.user_id)
        folded = user_embedding(user, model)
        if evaluated and chosen >= 0:
            decision = Decisions.of([(user, None)], model, path.ranker, event.timestamp_ms, LIST_SIZE)
            online = offsets.applied(event.user_id, folded)
            ranks.append(
                (
                    _place(path, event, folded, chosen),
                    _place(path, event, online, chosen),
                    _listed(path, decision, folded, chosen),
                    _listed(path, decision, online, chosen),
                )
            )
            users.append(event.user_id)
        if chosen >= 0:
            offsets.learn(event.user_id, folded, chosen, model.vectors.vectors[: len(model)])
        freshet.learn(event)
    return _report(np.array(ranks, np.int64), np.unique(users, return_inverse=True)[1].astype(np.int32), seed)


def _place(path: ProductionPath, event: Interaction, vector: Floats, chosen: int) -> int:
    """Where the item stands among those not met, by the vector alone."""
    model = path.model
    scores = model.vectors.vectors[: len(model)] @ vector
    user = path.user(event.user_id)
    if user is not None:
        scores[seen_indices(user.seen, model)] = -np.inf
    return int((scores > scores[chosen]).sum()) if scores[chosen] > 0 else len(model)


def _listed(path: ProductionPath, decision: Decisions, vector: Floats, chosen: int) -> int:
    """Where the ranker puts the item with this vector."""
    generator_scores = replace(
        decision.generator_scores, embeddings=np.stack([vector, decision.generator_scores.embeddings[0, 1]])[None]
    )
    matrix = features.matrix(decision.items, generator_scores, decision.context_features, path.model)
    scores, _ = path.ranker.predict(decision.items.offsets, matrix, decision.buckets)
    decided = replace(decision, generator_scores=generator_scores, matrix=matrix, scores=scores)
    ranked = Pooled.of(decided, path.model, LIST_SIZE).ranked
    found = np.flatnonzero(decision.items.values[ranked.places] == chosen)
    return int(found[0]) if len(found) else MISS


def _report(ranks: NDArray[np.int64], users: NDArray[np.int32], seed: int) -> dict[str, Any]:
    capped = np.minimum(ranks, MISS).astype(np.int16)
    report: dict[str, Any] = {"evaluated": len(ranks)}
    for name, column in (("fold_in", 0), ("with_river", 1)):
        report[name] = {
            "vector_hr_at_10": metrics.mean(metrics.hits(capped[:, column], 10)),
            "vector_ndcg_at_10": metrics.mean(metrics.gains(capped[:, column], 10)),
            f"recall_at_{EMBEDDING_SIZE}": metrics.mean((ranks[:, column] < EMBEDDING_SIZE).astype(np.float64)),
            "list_hr_at_10": metrics.mean(metrics.hits(capped[:, column + 2], 10)),
            "list_ndcg_at_10": metrics.mean(metrics.gains(capped[:, column + 2], 10)),
        }
    report["gain"] = {}
    for name, column in (("vector", 0), ("list", 2)):
        change = metrics.gains(capped[:, column + 1], 10) - metrics.gains(capped[:, column], 10)
        report["gain"][f"{name}_ndcg_at_10"] = {"mean": metrics.mean(change), "ci95": interval(change, users, seed)}
    return report


def _unit(vector: Floats) -> Floats:
    length = float(np.sqrt(vector @ vector))
    return (vector / np.float32(length)).astype(np.float32) if length > 0 else vector
