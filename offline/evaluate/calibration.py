"""Whether a list has the genres of what its user met, in the same shares."""

from collections.abc import Collection, Iterable

import numpy as np


def miscalibration(history: Collection[tuple[str, ...]], listed: Iterable[tuple[str, ...]]) -> float:
    """How much the genres of a list differ from those of its user's history, both given item by item: the divergence
    sum p ln(p / (.99 q + .01 p)) of Steck ("Calibrated recommendations", RecSys 2018), 0 = the same mix. NaN when the
    history has no genres.

    >>> round(miscalibration([("a",), ("a", "b")], [("a",), ("a", "b")]), 4)
    0.0
    >>> round(miscalibration([("a",), ("b",)], [("a",)]), 4)
    1.9585
    """
    wanted = _genre_shares(history)
    if not wanted:
        return float("nan")
    given = _genre_shares(listed)
    return sum(p * float(np.log(p / (0.99 * given.get(genre, 0.0) + 0.01 * p))) for genre, p in wanted.items())


def _genre_shares(items: Iterable[tuple[str, ...]]) -> dict[str, float]:
    """By genre its share, every item that has genres counting 1."""
    shares: dict[str, float] = {}
    known = 0
    for genres in items:
        known += bool(genres)
        for genre in genres:
            shares[genre] = shares.get(genre, 0.0) + 1 / len(genres)
    return {genre: share / known for genre, share in shares.items()}
