"""The vector index is compared with exact searches while it serves."""

import numpy as np

from agents.evaluation.index_check import IndexCheck
from ops.operator.inspect.lag import Lag
from tables.item_model import ItemModel
from tables.vector_index import IndexSizes, VectorIndex

RANDOM = np.random.default_rng(4)


def index_of(vectors: np.ndarray, sizes: IndexSizes) -> VectorIndex:
    index = VectorIndex(128, sizes)
    index.put(np.arange(len(vectors), dtype=np.int32), vectors)
    return index


def checked(index: VectorIndex, times: int = 40) -> IndexCheck:
    check = IndexCheck(ItemModel())
    for _ in range(times):
        check.check(index)
    return check


def test_an_exact_index_finds_everything() -> None:
    vectors = RANDOM.standard_normal((300, 128)).astype(np.float32)
    vectors[::2] = 0  # rows without a vector are nobody's neighbours, and nobody asks with them
    check = checked(index_of(vectors, IndexSizes()))
    assert 0 < check.checked < 40
    assert check.recall_permille == 1000 * check.checked


def test_one_that_looks_into_few_lists_is_caught() -> None:
    vectors = RANDOM.standard_normal((3000, 128)).astype(np.float32)
    few = IndexSizes(flat_from=10, lists_from=100, compressed_from=1_000_000, probes=1)
    check = checked(index_of(vectors, few))
    assert check.checked == 40
    assert check.recall_permille < 900 * check.checked


def test_nothing_is_asked_of_an_empty_index() -> None:
    assert checked(VectorIndex(128)).checked == 0


def test_lag_puts_the_workers_together() -> None:
    heartbeats = [{"vector_searches_checked": 3, "vector_recall_permille": 3000}, {"pid": 2}]
    heartbeats.append({"vector_searches_checked": 1, "vector_recall_permille": 600})
    assert Lag("g", [], heartbeats).as_dict()["vector_recall_at_50"] == 0.9
    assert Lag("g", [], None).vector_recall() is None
