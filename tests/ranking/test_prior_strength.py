"""How much the prior counts follows from where chosen items would have stood, once it is sure."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sequence_model import small_sequence_model

from ranking import features
from ranking.examples import _CODEC, Example, decode, encode
from ranking.learner import CODEC, ROUND, Learner, ranker_of
from ranking.prior_strength import STRENGTHS, PriorOutcomes, places_by_strength
from ranking.rank import PRIOR_STRENGTH, rank
from ranking.ranker import BUCKETS, Ranker
from tables.sequence.sequence_model import RankerStart

FIRST = [PRIOR_STRENGTH] * BUCKETS
SHARES = st.integers(0, 64).map(lambda number: number / 64)


@settings(deadline=None)
@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=20), st.integers(0, 8), st.data())
def test_places_are_those_that_ranking_with_each_strength_gives(
    candidates: list[tuple[float, float]], liked: int, data: st.DataObject
) -> None:
    scores = np.array([score for score, _ in candidates])
    prior = np.array([prior for _, prior in candidates], np.float32)
    chosen, strength = data.draw(st.integers(0, len(scores) - 1)), np.array([liked])
    found = places_by_strength(chosen, scores, prior, strength)
    for place, against in zip(found.tolist(), STRENGTHS, strict=True):
        one = np.array([0, len(scores)])
        mixed = rank(one, scores, np.zeros(len(scores)), prior, strength, 1, np.array([against])).scores
        above, level = (mixed > mixed[chosen] + 1e-9).sum(), (mixed > mixed[chosen] - 1e-9).sum()
        assert above <= place <= level


def places(best: int) -> np.ndarray:
    """With one strength the chosen item leads, with the others it is in the middle."""
    found = np.full(len(STRENGTHS), 5, np.uint16)
    found[best] = 0
    return found


def test_a_strength_that_is_surely_better_replaces_the_first_of_its_bucket() -> None:
    outcomes = PriorOutcomes.start(FIRST)
    for _ in range(9):
        outcomes.see(2, places(0))
    assert outcomes.strengths(FIRST, FIRST).tolist() == FIRST, "three times its noise is not more than three times"
    outcomes.see(2, places(0))
    assert outcomes.strengths(FIRST, FIRST).tolist() == [5.0, 5.0, STRENGTHS[0], 5.0]


def test_chance_replaces_nothing() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        outcomes = PriorOutcomes.start(FIRST)
        for _ in range(300):
            outcomes.see(1, random.integers(0, 20, len(STRENGTHS)).astype(np.uint16))
        assert outcomes.strengths(FIRST, FIRST).tolist() == FIRST


def test_what_was_long_ago_is_outweighed() -> None:
    outcomes = PriorOutcomes.start(FIRST)
    for best, examples in ((0, 12_000), (7, 6_000)):
        for _ in range(examples):
            outcomes.see(3, places(best))
        assert outcomes.strengths(FIRST, FIRST)[3] == STRENGTHS[best]


def test_what_was_surely_better_stays_while_it_is_better_at_all() -> None:
    outcomes = PriorOutcomes.start(FIRST)
    for _ in range(100):
        outcomes.see(1, places(0))
    now = outcomes.strengths(FIRST, FIRST).tolist()
    assert now[1] == STRENGTHS[0]
    outcomes.squares *= 1_000  # not surely any more
    assert outcomes.strengths(FIRST, FIRST).tolist() == FIRST
    assert outcomes.strengths(FIRST, now).tolist() == now
    outcomes.sums[1, 0] = -1.0
    assert outcomes.strengths(FIRST, now).tolist() == FIRST


def test_only_the_first_ten_places_count() -> None:
    outcomes = PriorOutcomes.start(FIRST)
    for _ in range(1_000):
        outcomes.see(1, np.array([10, *[80] * 7], np.uint16))
    assert not outcomes.sums.any()


def example(best: int | None, bucket: int = 1) -> Example:
    matrix = np.zeros((3, features.COUNT), np.float32)
    return Example(bucket, True, matrix, places=np.zeros(0, np.uint16) if best is None else places(best))


def test_the_learner_tells_it_at_the_end_of_a_round_and_a_restart_changes_nothing() -> None:
    learner = Learner.start()
    for _ in range(ROUND - 1):
        learner.learn(example(1))
    assert learner.published.prior_strengths.tolist() == FIRST
    resumed = Learner.start()
    resumed.resume(learner.round_row() or b"")
    number = learner.published.number
    for one in (learner, resumed):
        assert one.learn(example(1))
        assert one.published.prior_strengths.tolist() == [5.0, STRENGTHS[1], 5.0, 5.0]
        assert one.published.number > number
    assert resumed.to_row() == learner.to_row()
    row = learner.to_row()
    assert ranker_of(row).prior_strengths.tolist() == learner.published.prior_strengths.tolist()
    restored = Learner.from_row(row)
    assert restored.to_row() == row
    for one in (learner, restored):
        for _ in range(ROUND):
            one.learn(example(6))
    assert restored.to_row() == learner.to_row()


def test_it_is_told_even_when_the_weights_of_the_round_are_thrown_away() -> None:
    learner = Learner.start()
    learner.learn(Example(1, True, np.full((2, features.COUNT), np.nan, np.float32)))
    for _ in range(ROUND - 1):
        learner.learn(example(0))
    assert learner.rejected == 1
    assert np.array_equal(learner.published.weights, Ranker.start().weights)
    assert learner.published.prior_strengths[1] == STRENGTHS[0]
    assert learner.published.number == 1, "who follows sees that it changed"


def test_it_starts_from_what_was_fitted_beside_a_sequence_model() -> None:
    start = RankerStart(["genre"], [[], [1.0], [1.0], [1.0]], [0.0] * 4, [5.0, 0.5, 2.0, 20.0])
    first = Ranker.start(small_sequence_model(["a", "b"], ranker=start))
    learner = Learner.start(first)
    for _ in range(ROUND):
        learner.learn(replace(example(6, 2), sequence_model=first.sequence_model))
    assert learner.published.prior_strengths.tolist() == [5.0, 0.5, STRENGTHS[6], 20.0]


def test_rows_and_examples_of_the_former_release_are_read() -> None:
    row = CODEC.decode(Learner.start().to_row())
    former = CODEC.encode(msgspec.structs.replace(row, prior_strengths=[], prior_outcomes=b""))
    assert ranker_of(former).prior_strengths.tolist() == FIRST
    assert Learner.from_row(former).to_row() == Learner.start().to_row()
    record = _CODEC.decode(encode(example(3)))
    assert decode(encode(example(3))).places.tolist() == places(3).tolist()
    old = decode(_CODEC.encode(msgspec.structs.replace(record, places=b"")))
    learner = Learner.start()
    learner.learn(old)
    assert not learner.prior_outcomes.sums.any()


@pytest.mark.parametrize("stored", [b"", b"12345678"])
def test_outcomes_of_other_strengths_are_forgotten(stored: bytes) -> None:
    assert not PriorOutcomes.of(FIRST, stored).sums.any()
