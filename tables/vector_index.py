"""The rows whose vectors suit a query best, by the means that is fastest at the catalogue's size."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from tables.inverted_lists import InvertedLists
from tables.vector_store import VectorStore

VECTOR_DIM: Final = 128

Kind = Literal["matrix", "flat", "lists", "compressed_lists"]
Found = tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class IndexSizes:
    """From how many vectors on which kind serves; figures in docs/decisions/0011-vector-index.md.

    Below `flat_from` a matrix product by numpy, below `lists_from` FAISS over all vectors, below `compressed_from`
    inverted lists, then lists of 8-bit vectors. `probes` and `compressed_probes` are the lists a search looks into.
    Raises `ValueError` when the sizes do not ascend.
    """

    flat_from: int = 3_000
    lists_from: int = 100_000
    compressed_from: int = 1_000_000
    probes: int = 64
    compressed_probes: int = 128

    def __post_init__(self) -> None:
        if not 1 <= self.flat_from <= self.lists_from <= self.compressed_from:
            raise ValueError("sizes must ascend from 1")


class VectorIndex:
    """Vectors of rows 0..n-1, changed in place; a changed row is found by its new vector at once.

    The exact vectors are always kept, 4·dim bytes each: what is exact searches them, what is not is trained from them
    and evaluated by them. Kinds are only promoted, inside `put`; a catalogue that shrinks keeps the kind it has.

    FAISS gets one thread, for the whole process: workers share a machine by processes, and a sum that is split
    differently is rounded differently.
    """

    def __init__(self, dim: int = VECTOR_DIM, sizes: IndexSizes | None = None) -> None:
        faiss.omp_set_num_threads(1)
        self._dim = dim
        self._sizes = sizes or IndexSizes()
        self._store = VectorStore(dim)
        self._lists: InvertedLists | None = None

    def __len__(self) -> int:
        """One more than the highest row ever put, with or without a vector."""
        return self._store.row_count

    @property
    def kind(self) -> Kind:
        """What answers now."""
        if self._lists:
            return "compressed_lists" if self._lists.compressed else "lists"
        return "matrix" if self._store.held < self._sizes.flat_from else "flat"

    def put(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        """Overwrites or appends rows: int32[m], distinct, and float32[m, dim]; a zero vector means: has none.

        Builds inverted lists when the size calls for them or they are outdated, which takes seconds. Raises
        `ValueError`, with nothing changed, for other shapes, negative or repeated rows, and numbers not finite.
        """
        rows, vectors = np.ascontiguousarray(rows, np.int32), np.ascontiguousarray(vectors, np.float32)
        if rows.ndim != 1 or vectors.shape != (len(rows), self._dim):
            raise ValueError(f"{rows.shape} rows with vectors of shape {vectors.shape}, not (m,) and (m, {self._dim})")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector holds a number that is not finite")
        if len(rows) and (rows.min() < 0 or len(np.unique(rows)) < len(rows)):
            raise ValueError("rows must be distinct and not negative")
        self._store.put(rows, vectors)
        self._follow(rows, vectors)

    def search(self, query: NDArray[np.float32], k: int) -> Found:
        """(int32[<=k] rows, float32[<=k] inner products) for float32[dim], best first; only rows that have a vector.

        Fewer than k where there are no more, or where the probed lists hold no more. Raises `ValueError` for k < 1
        and for a query of another shape or with numbers that are not finite.
        """
        query = np.ascontiguousarray(query, np.float32)
        if k < 1 or query.shape != (self._dim,) or not np.isfinite(query).all():
            raise ValueError(f"needs k >= 1 (is {k}) and {self._dim} finite numbers (shape {query.shape})")
        k = min(k, self._store.held)
        if not k:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        if self._lists is None:
            return self._exact(query, k)
        rows, scores = self._lists.search(query, k)
        return self._rescored(query, rows) if self._lists.compressed else (rows, scores)

    def recall(self, sample: NDArray[np.int32], k: int = 50) -> float:
        """The share, 0..1, of the best k that `search` finds when asked with the vectors of these rows.

        int32[s], rows below `len()`; those without a vector are left out, and 1.0 if none is left. A found row counts
        if its inner product is among the best k, so that equal vectors may stand for one another.
        """
        asked = sample[self._store.has(sample)]
        k = min(k, self._store.held)
        if not len(asked):
            return 1.0
        queries, hits = self._store.of(asked), 0
        best = np.sort(_flat(queries, self._store.vectors, k)[0], axis=1)
        for query, least in zip(queries, best[:, 0], strict=True):
            products = self._store.of(self.search(query, k)[0]) @ query
            hits += int(np.count_nonzero(products >= least - 1e-5 * abs(least)))
        return hits / (k * len(asked))

    def recall_at(self, row: int, k: int = 50) -> float | None:
        """`recall` of the search with the vector of one row; None if it has none."""
        sample = np.array([row], np.int32)
        return self.recall(sample, k) if self._store.has(sample)[0] else None

    def _follow(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        held, lists = self._store.held, self._lists
        compressed = held >= self._sizes.compressed_from or bool(lists and lists.compressed)
        if lists and lists.compressed == compressed:
            lists.put(rows, vectors)
            if not lists.outdated:
                return
        if held >= self._sizes.lists_from:
            probes = self._sizes.compressed_probes if compressed else self._sizes.probes
            self._lists = None  # two at a time would need twice the memory
            self._lists = InvertedLists(self._store.rows, self._store.vectors, len(self), probes, compressed)

    def _exact(self, query: NDArray[np.float32], k: int) -> Found:
        if self.kind == "flat":
            scores, slots = _flat(query[np.newaxis], self._store.vectors, k)
            return self._store.rows[slots[0]], scores[0]
        return _best(self._store.rows, self._store.vectors @ query, k)

    def _rescored(self, query: NDArray[np.float32], rows: NDArray[np.int32]) -> Found:
        """8 bits find the candidates; the exact vectors put them in order."""
        return _best(rows, self._store.of(rows) @ query, len(rows))


def _best(rows: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> Found:
    some = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    order = some[np.argsort(-scores[some], kind="stable")]
    return rows[order], scores[order]


def _flat(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> Any:
    """IndexFlatIP's own search over our array: an overwrite needs no FAISS call and no second copy of the vectors."""
    return faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
