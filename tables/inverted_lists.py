"""Approximate search by inner product for catalogues that are too large to look at whole: inverted lists of FAISS
(Jégou, Douze, Schmid: "Product quantization for nearest neighbor search", TPAMI 33, 2011)."""

from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

_FAISS: Final[Any] = faiss  # what it declares is its C++ interface and incomplete, not what numpy arrays go through
_SEED = 7
_SPARE_RANGE = 1.0  # each side, in widths seen in training: a vector that grew longer since is not cut down to the rest
_OUTDATED_SHARE = 0.75
_TRAINING_ROUNDS = 6
_TRAINING_VECTORS_PER_LIST = 40


class InvertedLists:
    """Vectors grouped by direction around √n centroids; a search looks into the `probes` best groups.

    Centroids have length 1. With lengths left free, those of popular items attract everything by inner product: at
    200K vectors the lists were 2.7x less even, and a search took 1.6x as long for the same recall.

    An overwritten vector is taken out of its list and added to the one that suits it now, at once. The centroids stay
    until `outdated`.
    """

    def __init__(
        self, rows: NDArray[np.int32], vectors: NDArray[np.float32], row_count: int, probes: int, compressed: bool
    ) -> None:
        self.compressed = compressed
        self._trained_on, self._changed = len(rows), 0
        self._list_of = np.full(row_count, -1, np.int32)
        self._index = _trained(vectors, probes, compressed)
        self._add(rows, vectors)

    @property
    def outdated(self) -> bool:
        """True once arrivals and changes of list are three quarters of what the centroids were made from.

        That is growth by 1.75, or a model that moved: even then some vectors keep their list by chance. Vectors that
        are only nudged stay where they are and do not count.
        """
        return self._changed >= _OUTDATED_SHARE * self._trained_on

    def put(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        """Overwrites, appends or, with a zero vector, removes; rows are distinct."""
        known = len(self._list_of)
        if len(rows) and (most := int(rows.max()) + 1) > known:
            self._list_of = np.concatenate([self._list_of, np.full(most + most // 4 - known, -1, np.int32)])
        before = self._list_of[rows]
        self._remove(rows[before >= 0])
        given = vectors.any(axis=1)
        self._add(rows[given], vectors[given])
        self._changed += int(np.count_nonzero(self._list_of[rows] != before))

    def search(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(int32[<=k] rows, float32[<=k] scores), best first; scores of compressed lists are approximate."""
        scores, rows = self._index.search(query[np.newaxis], k)
        found = rows[0] >= 0
        return rows[0][found].astype(np.int32), scores[0][found]

    def _add(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        if not len(rows):
            return
        vectors, ids = np.ascontiguousarray(vectors), rows.astype(np.int64)
        lists = np.ascontiguousarray(self._index.quantizer.assign(vectors, 1).ravel())
        pointers = [_FAISS.swig_ptr(array) for array in (vectors, ids, lists)]
        self._index.add_core(len(rows), *pointers)
        self._list_of[rows] = lists

    def _remove(self, rows: NDArray[np.int32]) -> None:
        if len(rows):
            # Only this selector is looked up in the hash map; any other walks through all lists.
            self._index.remove_ids(_FAISS.IDSelectorArray(rows.astype(np.int64)))
            self._list_of[rows] = -1


def _trained(vectors: NDArray[np.float32], probes: int, compressed: bool) -> Any:
    """An empty index whose lists are set by these vectors."""
    dim, lists = vectors.shape[1], max(1, round(len(vectors) ** 0.5))
    quantizer = _FAISS.IndexFlatIP(dim)
    inner_product = _FAISS.METRIC_INNER_PRODUCT
    if compressed:
        bits = _FAISS.ScalarQuantizer.QT_8bit
        index = _FAISS.IndexIVFScalarQuantizer(quantizer, dim, lists, bits, inner_product)
        index.sq.rangestat_arg = _SPARE_RANGE
    else:
        index = _FAISS.IndexIVFFlat(quantizer, dim, lists, inner_product)
    index.cp.spherical = True
    index.cp.seed = _SEED
    index.cp.niter = _TRAINING_ROUNDS
    index.cp.min_points_per_centroid = 1
    index.cp.max_points_per_centroid = _TRAINING_VECTORS_PER_LIST
    index.nprobe = probes
    index.train(vectors)
    index.set_direct_map_type(_FAISS.DirectMap.Hashtable)
    return index
