"""One contract for every kind of index; thresholds are lowered so that small catalogues exercise the large kinds."""

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tables.vector_index import IndexSizes, Kind, VectorIndex

FROM_ONE = {
    "matrix": IndexSizes(),
    "flat": IndexSizes(flat_from=1),
    "lists": IndexSizes(flat_from=1, lists_from=1),
    "compressed_lists": IndexSizes(flat_from=1, lists_from=1, compressed_from=1),
}
every_kind = pytest.mark.parametrize("kind", FROM_ONE)


def clustered(count: int, dim: int = 16, seed: int = 1) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((40, dim))
    vectors = centres[generator.integers(0, 40, count)] + 0.5 * generator.standard_normal((count, dim))
    return (vectors * generator.lognormal(0, 0.3, (count, 1))).astype(np.float32)


def index_of(kind: str, vectors: NDArray[np.float32]) -> VectorIndex:
    index = VectorIndex(vectors.shape[1], FROM_ONE[kind])
    index.put(np.arange(len(vectors), dtype=np.int32), vectors)
    assert index.kind == kind
    return index


def rows(*numbers: int) -> NDArray[np.int32]:
    return np.array(numbers, np.int32)


def axis(number: int, length: float = 1.0) -> NDArray[np.float32]:
    vector = np.zeros(16, np.float32)
    vector[number] = length
    return vector


@every_kind
def test_the_best_rows_come_first_with_their_inner_products(kind: str) -> None:
    vectors, query = clustered(300), clustered(1, seed=2)[0]
    found, scores = index_of(kind, vectors).search(query, 20)

    assert found.dtype == np.int32
    assert scores.dtype == np.float32
    assert list(scores) == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, vectors[found] @ query, rtol=1e-4, atol=1e-5)
    best = np.sort(vectors @ query)[::-1][:20]
    assert np.isin(found, np.flatnonzero(vectors @ query >= best[-1] - 1e-5)).mean() >= 0.95


@every_kind
def test_an_overwritten_row_is_found_by_its_new_vector_at_once_and_no_longer_by_the_old(kind: str) -> None:
    index = index_of(kind, clustered(300))
    index.put(rows(7), axis(3, 90)[np.newaxis])
    assert index.search(axis(3), 1)[0].tolist() == [7]

    index.put(rows(7), axis(5, 90)[np.newaxis])
    assert index.search(axis(5), 1)[0].tolist() == [7]
    assert index.search(axis(3), 1)[0].tolist() != [7]
    assert len(index) == 300


@every_kind
def test_an_appended_row_is_found_at_once(kind: str) -> None:
    index = index_of(kind, clustered(300))
    index.put(rows(301, 300), np.stack([axis(3, 90), axis(5, 90)]))

    assert len(index) == 302
    assert index.search(axis(3), 1)[0].tolist() == [301]
    assert index.search(axis(5), 1)[0].tolist() == [300]


@every_kind
def test_a_row_without_a_vector_is_never_found_even_where_all_others_score_below_zero(kind: str) -> None:
    vectors = np.abs(clustered(300))
    vectors[[0, 8, 299]] = 0
    index = index_of(kind, vectors)
    index.put(rows(9, 298), np.zeros((2, 16), np.float32))

    found, scores = index.search(-np.ones(16, np.float32), 300)
    assert len(index) == 300
    assert sorted(found) == sorted(set(range(300)) - {0, 8, 299, 9, 298})
    assert scores.max() < 0


@every_kind
def test_a_row_that_lost_its_vector_may_get_one_again(kind: str) -> None:
    index = index_of(kind, clustered(300))
    index.put(rows(7), np.zeros((1, 16), np.float32))
    index.put(rows(7), axis(3, 90)[np.newaxis])
    assert index.search(axis(3), 1)[0].tolist() == [7]


@every_kind
def test_all_rows_may_lose_their_vectors(kind: str) -> None:
    index = index_of(kind, clustered(30))
    index.put(np.arange(30, dtype=np.int32), np.zeros((30, 16), np.float32))
    assert index.search(axis(0), 5)[0].tolist() == []
    assert index.recall(rows(1, 2)) == 1.0

    index.put(rows(4), axis(0)[np.newaxis])
    assert index.search(axis(0), 5)[0].tolist() == [4]


def test_an_empty_index_finds_nothing() -> None:
    found, scores = VectorIndex(16).search(axis(0), 5)
    assert (found.dtype, found.tolist(), scores.dtype, scores.tolist()) == (np.int32, [], np.float32, [])


@pytest.mark.parametrize(
    ("numbers", "vectors"),
    [
        (rows(1, 1), np.ones((2, 16))),
        (rows(-1), np.ones((1, 16))),
        (rows(1), np.ones((1, 15))),
        (rows(1, 2), np.ones((1, 16))),
        (rows(1), np.full((1, 16), np.nan)),
        (rows(1), np.full((1, 16), np.inf)),
    ],
)
def test_what_cannot_be_stored_is_refused_and_changes_nothing(
    numbers: NDArray[np.int32], vectors: NDArray[np.float32]
) -> None:
    index = index_of("matrix", clustered(3))
    before = index.search(axis(0), 3)[1].tolist()
    with pytest.raises(ValueError, match=r"rows|finite"):
        index.put(numbers, vectors)
    assert index.search(axis(0), 3)[1].tolist() == before


@pytest.mark.parametrize(("query", "k"), [(axis(0), 0), (axis(0)[:3], 1), (np.full(16, np.nan, np.float32), 1)])
def test_a_query_that_cannot_be_answered_is_refused(query: NDArray[np.float32], k: int) -> None:
    with pytest.raises(ValueError, match="needs k"):
        index_of("matrix", clustered(3)).search(query, k)


def test_kinds_follow_the_size_and_never_go_back() -> None:
    index = VectorIndex(16, IndexSizes(flat_from=10, lists_from=20, compressed_from=40))
    vectors, kinds = clustered(40), dict[Kind, int]()
    for row in range(40):
        index.put(rows(row), vectors[row : row + 1])
        kinds.setdefault(index.kind, row + 1)
        assert sorted(index.search(vectors[0], 100)[0]) == list(range(row + 1))
    assert kinds == {"matrix": 1, "flat": 10, "lists": 20, "compressed_lists": 40}

    index.put(np.arange(35, dtype=np.int32), np.zeros((35, 16), np.float32))
    assert index.kind == "compressed_lists"
    assert sorted(index.search(vectors[0], 100)[0]) == [35, 36, 37, 38, 39]


@pytest.mark.parametrize("sizes", [(0, 1, 1), (2, 1, 3), (1, 3, 2)])
def test_sizes_that_do_not_ascend_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        IndexSizes(*sizes)


@pytest.mark.parametrize("kind", ["lists", "compressed_lists"])
def test_recall_holds_where_only_part_is_looked_at(kind: str) -> None:
    index = index_of(kind, clustered(12_000))  # 110 lists, 64 or 128 of them looked at
    assert index.recall(np.arange(0, 12_000, 120, dtype=np.int32)) >= 0.95


def test_recall_tells_how_much_is_missed() -> None:
    vectors = clustered(4_000)
    few = VectorIndex(16, IndexSizes(flat_from=1, lists_from=1, probes=1))
    few.put(np.arange(4_000, dtype=np.int32), vectors)
    sample = np.arange(0, 4_000, 40, dtype=np.int32)

    best = np.argsort(-(vectors[sample] @ vectors.T), axis=1)[:, :50]
    pairs = zip(sample, best, strict=True)
    overlap = np.mean([len(np.intersect1d(few.search(vectors[row], 50)[0], exact)) / 50 for row, exact in pairs])
    assert 0.05 < few.recall(sample) < 0.9
    assert few.recall(sample) == pytest.approx(overlap, abs=0.001)
    assert index_of("flat", vectors).recall(sample) == 1.0


def test_lists_are_made_anew_when_the_model_moved() -> None:
    sizes = IndexSizes(flat_from=1, lists_from=1, probes=16)
    moved, fresh = VectorIndex(16, sizes), VectorIndex(16, sizes)
    everything, sample = np.arange(4_000, dtype=np.int32), np.arange(0, 4_000, 40, dtype=np.int32)
    narrow, wide = axis(0, 100) + 0.01 * clustered(4_000), clustered(4_000, seed=5)
    moved.put(everything, narrow)
    for _ in range(2):
        for part in np.array_split(everything, 20):
            moved.put(part, wide[part])
    fresh.put(everything, wide)
    assert moved.recall(sample) == pytest.approx(fresh.recall(sample), abs=0.03)


def test_faiss_has_one_thread_in_this_process_and_answers_are_reproducible() -> None:
    faiss.omp_set_num_threads(2)
    first, second = (index_of("lists", clustered(5_000)) for _ in range(2))
    assert faiss.omp_get_max_threads() == 1

    query = clustered(1, seed=2)[0]
    for one, other in zip(first.search(query, 500), second.search(query, 500), strict=True):
        np.testing.assert_array_equal(one, other)


changes = st.lists(
    st.dictionaries(
        st.integers(0, 30), arrays(np.float32, 4, elements=st.integers(-3, 3).map(float)), min_size=1, max_size=12
    ),
    min_size=1,
    max_size=8,
)


@every_kind
@given(changes=changes, k=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_any_history_of_changes_ends_like_brute_force(
    kind: str, changes: list[dict[int, NDArray[np.float32]]], k: int
) -> None:
    index, truth = VectorIndex(4, FROM_ONE[kind]), dict[int, NDArray[np.float32]]()
    query = np.array([1.0, 0.5, -0.25, 2.0], np.float32)
    for change in changes:
        index.put(np.array(list(change), np.int32), np.stack(list(change.values())))
        truth |= change
        held = {row: float(vector @ query) for row, vector in truth.items() if vector.any()}
        found, scores = index.search(query, k)

        assert len(index) == max(truth) + 1
        assert len(set(found.tolist())) == len(found) == min(k, len(held))
        assert scores.tolist() == [held[row] for row in found.tolist()]
        if k >= len(held) or kind != "compressed_lists":  # 8 bits may cut among almost equal ones
            assert scores.tolist() == sorted(held.values(), reverse=True)[:k]
