"""A sequence model of few numbers, drawn at random: every part of it says something."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tables.sequence.sequence_model import RankerStart, SequenceModel

WIDTH, DIMENSIONS, INNER, LINEAR = 4, 6, 8, 3


def small_sequence_model(
    items: Sequence[str],
    seed: int = 0,
    trained_until_ms: int = 0,
    ranker: RankerStart | None = None,
    about: Mapping[str, Any] | None = None,
) -> SequenceModel:
    """The model over `items`."""
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.standard_normal(shape).astype(np.float32)

    count = len(items)
    arrays: dict[str, NDArray[Any]] = {
        "decay": (0.4 * drawn(2, WIDTH).clip(-1.5, 1.5)).astype(np.float32),
        "inputs": drawn(count, 2 * WIDTH),
        "last_items": drawn(count, DIMENSIONS),
        "embeddings": drawn(count, DIMENSIONS),
        "biases": drawn(count),
        "state_output": drawn(2 * WIDTH, DIMENSIONS),
        "state_norm": drawn(2, DIMENSIONS),
        "inner": drawn(DIMENSIONS, INNER),
        "inner_bias": drawn(INNER),
        "outer": drawn(INNER, DIMENSIONS),
        "outer_bias": drawn(DIMENSIONS),
        "output_norm": drawn(2, DIMENSIONS),
        "linear_items": random.integers(0, count, (count, LINEAR)).astype(np.int32),
        "linear_weights": drawn(count, LINEAR),
    }
    model = SequenceModel(tuple(items), arrays, trained_until_ms, ranker or RankerStart(), about or {})
    return SequenceModel.decode(model.encode())
