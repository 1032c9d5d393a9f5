"""Which items are worth scoring: the best of every generator, about 500 in all.

A bit for each generator says where a candidate comes from, so that a list can tell and `freshet why` can show it.
"""

from collections.abc import Sequence
from enum import IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.generator_scores import GeneratorScores
from ranking.kernels.candidates import count_flagged, flag_all, flag_best, flag_first, flag_nearest, take_flagged
from ranking.ragged import Ints, Ragged
from tables.item_model import ItemModel


class Generator(IntFlag):
    """Where a candidate comes from."""

    CO_OCCURRENCE = 1
    SEQUENTIAL = 2
    EMBEDDING = 4
    TRENDING = 8
    POPULAR = 16
    EXPLORE = 32
    TRENDING_IN_SEGMENT = 64
    SEQUENCE_MODEL = 128


NO_GENERATOR = Generator(0)
CO_OCCURRENCE_SIZE = 300
SEQUENTIAL_SIZE = 100
EMBEDDING_SIZE = 200
#: Of the recurrent part of a sequence model, a quarter of all items, but not fewer or more. What the linear part would
#: name besides is named by the others (docs/decisions/0054).
SEQUENCE_MODEL_SIZES = 300, 800

Flags = NDArray[np.uint8]
Counts = NDArray[np.int64]

#: Index kinds that ask all items in any case: then one product of matrices asks for all users.
_ASKS_ALL = frozenset(("matrix", "flat"))
_FLAG_OF = {generator: np.uint8(generator) for generator in Generator}


class First(NamedTuple):
    """Of each of `users` int64[] the first so many items of an `order` int32[], whether they were met or not."""

    generator: Generator
    order: Ints
    users: Counts
    counts: Counts


def gather(
    generator_scores: GeneratorScores,
    met: Ragged,
    shared: Sequence[First],
    tried: Ragged,
    model: ItemModel,
    off: Generator = NO_GENERATOR,
) -> tuple[Ragged, Flags]:
    """The candidates by user, ascending, and uint8[candidates] the generators that name each. Items that were `met`
    take no place among the best of a generator; `shared` and what is to be `tried` do not depend on the user's
    taste. Generators that are `off` name none."""
    users, items = len(met.offsets) - 1, len(model)
    flags = np.zeros((users, -(-items // 8) * 8), np.uint8)
    co_occurrence, sequential = generator_scores.co_occurrence, generator_scores.sequential
    for said, size, generator in (
        (co_occurrence, CO_OCCURRENCE_SIZE, Generator.CO_OCCURRENCE),
        (sequential, SEQUENTIAL_SIZE, Generator.SEQUENTIAL),
    ):
        if generator not in off:
            flag_best(*said.named, said.scores, *met, size, _FLAG_OF[generator], flags)
    if Generator.EMBEDDING not in off:
        _flag_nearest(generator_scores.embeddings[:, 0], met, model, flags)
    said_after = generator_scores.sequence
    if said_after is not None and Generator.SEQUENCE_MODEL not in off:
        least, most = SEQUENCE_MODEL_SIZES
        size = min(max(items // 4, least), most)
        flag_nearest(said_after.recurrent, *met, size, _FLAG_OF[Generator.SEQUENCE_MODEL], flags)
    for generator, order, of, counts in shared:
        if generator in off:
            continue
        flag_first(of, counts, order, _FLAG_OF[generator], flags)
    flag_all(*tried, _FLAG_OF[Generator.EXPLORE], flags)
    return _flagged(flags)


def _flag_nearest(vectors: NDArray[np.float32], met: Ragged, model: ItemModel, flags: Flags) -> None:
    """Flags the best by inner product with the users' vectors, of the items that have one."""
    flag, of_items = _FLAG_OF[Generator.EMBEDDING], model.vectors
    if of_items.index.kind in _ASKS_ALL:
        products = vectors @ of_items.vectors[: len(model)].T
        flag_nearest(products, *met, EMBEDDING_SIZE, flag, flags)
        return
    for user in np.flatnonzero(vectors.any(axis=1)).tolist():
        is_met = np.zeros(len(model), np.bool_)
        is_met[met.row(user)] = True
        near, _ = of_items.index.search(vectors[user], EMBEDDING_SIZE + len(met.row(user)))
        flags[user, near[~is_met[near]][:EMBEDDING_SIZE]] |= flag


def _flagged(flags: Flags) -> tuple[Ragged, Flags]:
    ends = np.zeros(len(flags) + 1, np.int64)
    total = count_flagged(flags, ends)
    items, generators = np.empty(total, np.int32), np.empty(total, np.uint8)
    take_flagged(flags, items, generators)
    return Ragged(ends, items), generators
