"""Which item vectors serve better: those of co-occurrence, which the product fits, or those of implicit ALS?

Both come from the same part of the log, the first 80 % of every user, and take the same way: they are followed as rows
of `item.model`, blended with content, users are folded in from them, and the ranker sees the likeness as its feature.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from offline.evaluate import metrics
from offline.evaluate.baselines.als import ALPHA, ITERATIONS, REGULARISATION
from offline.evaluate.freshet import Freshet
from offline.evaluate.intervals import interval
from offline.evaluate.whole_list import TimeSplit, ndcg
from offline.production_path import ProductionPath
from ranking.candidates import EMBEDDING_SIZE
from ranking.pipeline import DEFAULT_RULES, listed_items
from ranking.seen_index import seen_indices
from ranking.user_embedding import user_embedding
from streams.contract.catalog import CatalogItem
from tables import item_rows, item_vectors
from tables.spectral import DIMENSIONS
from tables.vector_fit import fitted_rows

TOP = 10
GENERATED = (EMBEDDING_SIZE, 500)

Floats = NDArray[np.float32]


def compare(
    split: TimeSplit, catalog: Mapping[str, CatalogItem], seed: int, retention_ms: int
) -> dict[str, dict[str, Any]]:
    """By kind of vectors: recall of the nearest 200 and 500, NDCG@10 of the nearest and of the whole list; and the
    difference of the lists, user by user."""
    path = ProductionPath(retention_ms=retention_ms)
    freshet = Freshet(path, catalog)
    for event in split.train:
        freshet.learn(event)
    path.publish(split.now_ms)
    rows = {"co_occurrence": fitted_rows(path.model, split.now_ms), "als": _als_rows(split, path, seed)}
    report: dict[str, dict[str, Any]] = {}
    lists: dict[str, NDArray[np.float64]] = {}
    for name, fitted in rows.items():
        for key, value in fitted:
            path.model.apply(key, value)
        path.model.refresh_vectors()
        evaluated = np.array(
            [_evaluated(path, user_id, wanted, split.now_ms) for user_id, wanted in split.held_out.items()]
        )
        lists[name] = evaluated[:, -1]
        names = [*(f"recall_at_{size}" for size in GENERATED), "nearest_ndcg_at_10", "list_ndcg_at_10"]
        report[name] = dict(zip(names, map(metrics.mean, evaluated.T), strict=True))
    gains = lists["co_occurrence"] - lists["als"]
    users = np.arange(len(gains), dtype=np.int32)
    report["co_occurrence_minus_als"] = {"list_ndcg_at_10": metrics.mean(gains), "ci95": interval(gains, users, seed)}
    return report


def _als_rows(split: TimeSplit, path: ProductionPath, seed: int) -> list[tuple[bytes, bytes]]:
    """The rows that a worker would publish if it fitted ALS."""
    model = path.model
    users = {user_id: number for number, user_id in enumerate({event.user_id: None for event in split.train})}
    places = ([users[event.user_id] for event in split.train], [model.index(event.item_id) for event in split.train])
    met = csr_matrix((np.ones(len(split.train), np.float32), places), (len(users), len(model)))
    als = AlternatingLeastSquares(
        factors=DIMENSIONS,
        regularization=REGULARISATION,
        alpha=ALPHA,
        iterations=ITERATIONS,
        num_threads=1,
        random_state=seed,
    )
    with threadpool_limits(1, "blas"):
        als.fit(met, show_progress=False)
    factors = als.item_factors / np.maximum(np.linalg.norm(als.item_factors, axis=1, keepdims=True), 1e-12)
    visited = np.flatnonzero(np.diff(met.tocsc().indptr))
    return [(item_rows.vector_key(model.ids[index]), item_vectors.encode(factors[index])) for index in visited.tolist()]


def _evaluated(path: ProductionPath, user_id: str, wanted: frozenset[str], now_ms: int) -> list[float]:
    model, user = path.model, path.user(user_id)
    nearest = model.vectors.vectors[: len(model)] @ user_embedding(user, model)
    if user is not None:
        nearest[seen_indices(user.seen, model)] = -np.inf
    order = np.argsort(-nearest, kind="stable")[: max(GENERATED)]
    found = np.array([model.ids[index] in wanted for index in order.tolist()], np.float64)
    listed = listed_items(user, None, model, path.ranker, now_ms, TOP, DEFAULT_RULES)
    liked = np.array([model.ids[index] in wanted for index in listed.tolist()], np.float64)
    recalls = [float(found[:size].sum()) / len(wanted) for size in GENERATED]
    return [*recalls, ndcg(found[:TOP], len(wanted)), ndcg(liked, len(wanted))]
