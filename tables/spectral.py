"""Item vectors from co-occurrence: the best low-rank picture of which items are used together, tracked over time.

The matrix A[i, j] = C(i, j) / sqrt((n_i + 5)(n_j + 5)), made symmetric, is factored as A ~ V V^T with V = U sqrt(S) by
subspace iteration with a Rayleigh-Ritz step (Halko, Martinsson, Tropp: "Finding structure with randomness", SIAM Review
53, 2011). Rows of V are scaled to length 1. Starting from the vectors before, two iterations follow the data; turning
the result onto them (Schönemann: "A generalized solution of the orthogonal Procrustes problem", 1966) keeps the axes,
so that a user's vector of yesterday still means the same.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tables.columns import grown
from tables.neighbour_columns import NeighbourColumns

DIMENSIONS = 128
FIRST_ITERATIONS = 8
NEXT_ITERATIONS = 2

Floats = NDArray[np.float32]


def fit(affinity: csr_matrix, before: Floats | None) -> Floats:
    """Vectors float32[items, 128] of length 1, or 0 for items without neighbours. `before` are the vectors of the last
    fit for the first items, None = first fit. A function of its arguments alone."""
    items = affinity.shape[0]
    if not affinity.nnz:
        return np.zeros((items, DIMENSIONS), np.float32)
    if before is not None and len(before) < DIMENSIONS:
        before = None  # too few items then to have had all axes
    basis = _start(items) if before is None else grown(before, items) + 1e-3 * _start(items)
    for _ in range(FIRST_ITERATIONS if before is None else NEXT_ITERATIONS):
        basis = np.linalg.qr(affinity @ basis)[0]
    inner = basis.T @ (affinity @ basis)
    values, rotation = np.linalg.eigh((inner + inner.T) / 2)
    vectors = (basis @ rotation) * np.sqrt(np.maximum(values, 0))
    vectors = _padded(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
    vectors[np.diff(affinity.indptr) == 0] = 0
    if before is not None:
        left, _, right = np.linalg.svd(vectors[: len(before)].T @ before)
        vectors = vectors @ (left @ right)
    fitted: Floats = vectors.astype(np.float32)
    return fitted


def affinity_of(neighbours: NeighbourColumns, norm: Floats, items: int, scale: float) -> csr_matrix:
    """A of the first `items` items; `scale` turns stored weights into weights as of now."""
    rows, slots = np.nonzero(neighbours.weights[:items] > 0)
    columns = neighbours.items[rows, slots]
    values = neighbours.weights[rows, slots] * scale * norm[rows] * norm[columns]
    one_way = csr_matrix((values.astype(np.float32), (rows, columns)), (items, items))
    return (one_way + one_way.T) * 0.5


def _start(items: int) -> Floats:
    """Directions that depend on nothing but the number of items."""
    return np.random.default_rng(0).standard_normal((items, min(DIMENSIONS, items))).astype(np.float32)


def _padded(vectors: Floats) -> Floats:
    return np.pad(vectors, ((0, 0), (0, DIMENSIONS - vectors.shape[1])))
