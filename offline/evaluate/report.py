"""What is said of a model that was evaluated event by event."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from offline.evaluate import metrics
from offline.evaluate.intervals import interval
from offline.evaluate.metrics import HISTORY_BUCKETS, NEW_ITEM_USERS, Floats
from offline.evaluate.prequential import EvaluatedEvents
from streams.contract.catalog import CatalogItem

_TOPS = (1, 5, 10, 20)


def model_report(evaluated: EvaluatedEvents, catalog: Mapping[str, CatalogItem], seed: int) -> dict[str, Any]:
    """The figures of one model; `ci95` is of HR@10 and of NDCG@10."""
    genres = metrics.genre_flags([catalog[item].genres if item in catalog else () for item in evaluated.ids])
    hits, gains = metrics.hits(evaluated.rank, 10), metrics.gains(evaluated.rank, 10)
    known = evaluated.miscalibration.astype(np.float64)
    return {
        **_at_all_tops(evaluated),
        "mrr": metrics.mean(metrics.reciprocals(evaluated.rank)),
        "ci95": {"hr_at_10": interval(hits, evaluated.user, seed), "ndcg_at_10": interval(gains, evaluated.user, seed)},
        "by_history": {
            name: _part(evaluated, (evaluated.history >= low) & (evaluated.history <= high))
            for name, (low, high) in HISTORY_BUCKETS.items()
        },
        "new_items": _part(evaluated, evaluated.age < NEW_ITEM_USERS),
        "coverage_at_10": metrics.coverage(evaluated.lists, evaluated.seen_items),
        "gini_at_10": metrics.gini(evaluated.lists, evaluated.seen_items),
        "genre_diversity_at_10": metrics.genre_diversity(evaluated.lists, genres),
        "three_genres_in_20": metrics.share_with_genres(evaluated.lists, genres),
        "met_items_per_list": round(evaluated.met_listed / max(len(evaluated), 1), 4),
        "novelty_bits_at_10": metrics.mean(evaluated.novelty.astype(np.float64)),
        "genre_miscalibration_at_10": metrics.mean(known[~np.isnan(known)]),
    }


def difference(ours: EvaluatedEvents, theirs: EvaluatedEvents, seed: int) -> dict[str, Any]:
    """Ours minus theirs, event by event over those that both were evaluated at, with the interval of the difference;
    and the ratios of both figures."""
    _, own, other = np.intersect1d(ours.event, theirs.event, assume_unique=True, return_indices=True)
    user = ours.user[own]
    hits = metrics.hits(ours.rank[own], 10), metrics.hits(theirs.rank[other], 10)
    gains = metrics.gains(ours.rank[own], 10), metrics.gains(theirs.rank[other], 10)
    return {
        "hr_at_10": metrics.mean(hits[0] - hits[1]),
        "hr_at_10_ci95": interval(hits[0] - hits[1], user, seed),
        "hr_ratio": _ratio(hits),
        "ndcg_at_10": metrics.mean(gains[0] - gains[1]),
        "ndcg_at_10_ci95": interval(gains[0] - gains[1], user, seed),
        "ndcg_ratio": _ratio(gains),
    }


def _ratio(values: tuple[Floats, Floats]) -> float | None:
    own, other = float(values[0].sum()), float(values[1].sum())
    return round(own / other, 3) if other else None


def _at_all_tops(evaluated: EvaluatedEvents) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for k in _TOPS:
        hits = metrics.hits(evaluated.rank, k)
        figures[f"hr_at_{k}"] = metrics.mean(hits)
        figures[f"ndcg_at_{k}"] = metrics.mean(metrics.gains(evaluated.rank, k))
        figures[f"precision_at_{k}"] = metrics.mean(hits / k)
        figures[f"recall_at_{k}"] = metrics.mean(hits)
        figures[f"mrr_at_{k}"] = metrics.mean(metrics.reciprocals(evaluated.rank, k))
    return figures


def _part(evaluated: EvaluatedEvents, mask: Any) -> dict[str, Any]:
    rank = evaluated.rank[mask]
    return {
        "evaluated": len(rank),
        "hr_at_10": metrics.mean(metrics.hits(rank, 10)),
        "ndcg_at_10": metrics.mean(metrics.gains(rank, 10)),
    }
