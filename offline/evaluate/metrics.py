"""What ranks are worth: hit rate, reciprocal rank, NDCG (Järvelin, Kekäläinen: "Cumulated gain-based evaluation of IR
techniques", ACM TOIS 20, 2002). Every function is of arrays; a rank counts from 0, and `MISS` is beyond every k."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.prequential import MISS

Floats = NDArray[np.float64]
Ranks = NDArray[np.int16]

#: Names and bounds (inclusive) of what a user had met before.
HISTORY_BUCKETS: Mapping[str, tuple[int, int]] = {
    "0": (0, 0),
    "1-4": (1, 4),
    "5-19": (5, 19),
    "20+": (20, np.iinfo(np.int32).max),
}
#: A target is new as long as fewer users than this met it.
NEW_ITEM_USERS = 20


def hits(rank: Ranks, k: int) -> Floats:
    """1 where the target is among the first k. With one target this is recall@k, and k times precision@k."""
    return (rank < k).astype(np.float64)


def gains(rank: Ranks, k: int) -> Floats:
    """NDCG@k: 1 / log2(rank + 2) among the first k, else 0.

    >>> gains(np.array([0, 2, 10], np.int16), 10).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.where(rank < k, 1 / np.log2(rank.astype(np.float64) + 2), 0.0)


def reciprocals(rank: Ranks, k: int = MISS) -> Floats:
    """1 / (rank + 1) among the first k, else 0."""
    return np.where(rank < k, 1 / (rank.astype(np.float64) + 1), 0.0)


def mean(values: Floats) -> float | None:
    """The mean to 4 digits; None of nothing."""
    return round(float(values.mean()), 4) if len(values) else None


def coverage(lists: NDArray[np.int32], items: int, k: int = 10) -> float:
    """The share of `items` that were in somebody's top k."""
    listed = np.unique(lists[:, :k])
    return round(int((listed >= 0).sum()) / max(items, 1), 4)


def gini(lists: NDArray[np.int32], items: int, k: int = 10) -> float | None:
    """How unevenly the places of everybody's top k fall on `items`: 0 = all alike, 1 = on one. None without lists."""
    listed = lists[:, :k]
    listed = listed[listed >= 0]
    if not len(listed):
        return None
    counts = np.sort(np.bincount(listed, minlength=items)).astype(np.float64)
    order = 2 * np.arange(1, len(counts) + 1) - len(counts) - 1
    return round(float(order @ counts / (len(counts) * counts.sum())), 4)


def genre_flags(genres: list[tuple[str, ...]]) -> NDArray[np.bool_]:
    """bool[items, genres]."""
    names = {name: place for place, name in enumerate(sorted({name for item in genres for name in item}))}
    flags = np.zeros((len(genres), len(names)), np.bool_)
    for row, item in enumerate(genres):
        flags[row, [names[name] for name in item]] = True
    return flags


def genre_diversity(lists: NDArray[np.int32], flags: NDArray[np.bool_], k: int = 10) -> float | None:
    """The mean over lists of the mean Jaccard distance between the genres of two items of the top k; None when no item
    has a genre."""
    if not flags.any():
        return None
    distances = [_list_diversity(flags[row[row >= 0]]) for row in lists[:, :k] if (row >= 0).sum() > 1]
    return mean(np.array(distances))


def _list_diversity(flags: NDArray[np.bool_]) -> float:
    numbers = flags.astype(np.float32)
    both = numbers @ numbers.T
    sizes = numbers.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - both
    similarity = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    upper = np.triu_indices(len(flags), 1)
    return float(1 - similarity[upper].mean())


def share_with_genres(lists: NDArray[np.int32], flags: NDArray[np.bool_], least: int = 3, k: int = 20) -> float | None:
    """The share of lists whose top k holds at least `least` genres; None when no item has a genre."""
    if not flags.any():
        return None
    padded = np.vstack([flags, np.zeros((1, flags.shape[1]), np.bool_)])  # -1 is the last row: no genre
    counts = [int(padded[row].any(axis=0).sum()) for row in lists[:, :k]]
    return round(float((np.array(counts) >= least).mean()), 4) if counts else None
