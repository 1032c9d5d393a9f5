"""The vectors of items and users beside their alternatives, on small logs where the outcome is known."""

import numpy as np
from evaluators import item_vectors, user_embedding
from evaluators.user_embedding import OnlineOffsets
from made_up_log import log

from offline.evaluate.evaluation import FOR_EVER_MS
from offline.evaluate.prequential import Window
from offline.evaluate.whole_list import TimeSplit

#: Two groups of people, each with items of its own, which everybody meets in another order.
ORDERS = [
    np.random.default_rng(number).permutation(list("abcdefghij" if number % 2 else "klmnopqrst"))
    for number in range(20)
]
EVENTS = log([chr(65 + person) + ORDERS[person][turn] for turn in range(10) for person in range(20)])


def unit(*values: float) -> np.ndarray:
    vector = np.zeros(128, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def test_an_offset_moves_towards_what_was_chosen() -> None:
    offsets, folded = OnlineOffsets(seed=1), unit(1, 0.5)
    vectors = np.stack([unit(0, 1), unit(-1, 0.2), unit(-1, -1)])
    assert offsets.applied("me", folded) is folded
    offsets.learn("me", folded, 0, vectors)
    moved = offsets.applied("me", folded)
    assert moved @ vectors[0] > folded @ vectors[0]
    assert np.linalg.norm(moved) == np.float32(1) or abs(np.linalg.norm(moved) - 1) < 1e-5
    assert offsets.applied("you", folded) is folded


def test_a_vector_of_nobody_learns_nothing() -> None:
    offsets, nobody = OnlineOffsets(seed=1), np.zeros(128, np.float32)
    offsets.learn("me", nobody, 0, unit(1)[np.newaxis])
    assert not offsets.applied("me", nobody).any()


def test_user_vectors_are_evaluated_at_the_same_events() -> None:
    report = user_embedding.compare(EVENTS, {}, Window(150, 200, 5), seed=1)
    assert report["evaluated"] == 10
    assert report["gain"]["list_ndcg_at_10"]["mean"] == round(
        report["with_river"]["list_ndcg_at_10"] - report["fold_in"]["list_ndcg_at_10"], 4
    )
    assert report["fold_in"]["recall_at_200"] == 1


def test_both_kinds_of_item_vectors_find_the_group() -> None:
    report = item_vectors.compare(TimeSplit.of(EVENTS), {}, 1, FOR_EVER_MS)
    assert report["co_occurrence"]["recall_at_200"] == report["als"]["recall_at_200"] == 1
    assert report["co_occurrence"]["nearest_ndcg_at_10"] == report["als"]["nearest_ndcg_at_10"] == 1
