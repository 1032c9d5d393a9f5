"""Which items are worth scoring: the best of every generator, about 500 in all.

A bit for each generator says where a candidate comes from, so that a list can tell and `freshet why` can show it.
"""

from collections.abc import Mapping
from enum import IntFlag

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


def gather(
    evidence: Evidence, met: NDArray[np.bool_], shared: Mapping[Generator, Ints], model: ItemModel
) -> tuple[Ints, Flags]:
    """(items ascending, their generators). `met` bool[items] take no place among the best of a generator; `shared` are
    the candidates that do not depend on the user's taste, which may hold met ones."""
    flags = np.zeros(len(model), np.uint8)
    _mark(flags, evidence.together.scores, met, TOGETHER_SIZE, Generator.TOGETHER)
    _mark(flags, evidence.after, met, AFTER_SIZE, Generator.AFTER)
    if evidence.vector.any():
        near, _ = model.vectors.index.search(evidence.vector, VECTOR_SIZE + int(np.count_nonzero(met)))
        flags[near[~met[near]][:VECTOR_SIZE]] |= np.uint8(Generator.VECTOR)
    for generator, items in shared.items():
        flags[items] |= np.uint8(generator)
    items = np.flatnonzero(flags).astype(np.int32)
    return items, flags[items]


def _mark(flags: Flags, scores: NDArray[np.float64], met: NDArray[np.bool_], size: int, generator: Generator) -> None:
    found = np.flatnonzero(scores)
    found = found[~met[found]]
    if len(found) > size:
        found = found[np.argpartition(scores[found], -size)[-size:]]
    flags[found] |= np.uint8(generator)
