"""Which items are worth scoring: the best of every generator, about 500 in all.

A bit for each generator says where a candidate comes from, so that a list can tell and `freshet why` can show it.
"""

from enum import IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.evidence import Evidence
from tables.item_model import ItemModel


class Generator(IntFlag):
    """Where a candidate comes from."""

    TOGETHER = 1
    AFTER = 2
    VECTOR = 4
    TRENDING = 8
    POPULAR = 16
    EXPLORE = 32


TOGETHER_SIZE = 300
AFTER_SIZE = 100
VECTOR_SIZE = 200

Ints = NDArray[np.int32]
Flags = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_TOGETHER, _AFTER, _VECTOR = np.array([Generator.TOGETHER, Generator.AFTER, Generator.VECTOR], np.uint8)
_SHARED = np.array([Generator.TRENDING, Generator.POPULAR, Generator.EXPLORE], np.uint8)


class Shared(NamedTuple):
    """Candidates int32[] that do not depend on the user's taste, by their generator."""

    trending: Ints
    popular: Ints
    explore: Ints


def gather(evidence: Evidence, unmet: Mask, shared: Shared, model: ItemModel) -> Flags:
    """uint8[items of the model]: the generators that name each item, 0 = no candidate. Only `unmet` bool[items] take a
    place among the best of a generator; `shared` are the candidates that do not depend on the user's taste, which may
    be met ones."""
    flags = np.zeros(len(model), np.uint8)
    together, after = evidence.together.scores, evidence.after.scores
    flags[_best(together, (together > 0) & unmet, TOGETHER_SIZE)] = _TOGETHER
    flags[_best(after, (after > 0) & unmet, AFTER_SIZE)] |= _AFTER
    if evidence.vector.any():
        flags[_nearest(evidence.vector, unmet, model)] |= _VECTOR
    for flag, items in zip(_SHARED, shared, strict=True):
        flags[items] |= flag
    return flags


def _nearest(vector: NDArray[np.float32], unmet: Mask, model: ItemModel) -> NDArray[np.integer]:
    """The best by inner product with the vector, of those that have one."""
    vectors = model.vectors
    if vectors.index.kind == "matrix":  # asks all items in any case, and need not put the found ones in order
        products = vectors.vectors[: len(model)] @ vector
        return _best(products, (products != 0) & unmet, VECTOR_SIZE)
    near, _ = vectors.index.search(vector, VECTOR_SIZE + len(unmet) - int(np.count_nonzero(unmet)))
    return near[unmet[near]][:VECTOR_SIZE]


def _best(scores: NDArray[np.floating], among: Mask, size: int) -> NDArray[np.intp]:
    """The `size` highest `among` the items, in no particular order."""
    (found,) = among.nonzero()
    if len(found) > size:
        found = found[scores[found].argpartition(-size)[-size:]]
    return found
