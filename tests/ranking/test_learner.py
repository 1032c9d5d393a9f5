"""The ranker learns what is chosen, is evaluated before it is believed, and survives a restart."""

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from small_sequence_model import small_sequence_model

from ranking import features
from ranking.examples import Example, decode, encode
from ranking.learner import CODEC, ROUND, ROUND_CODEC, Learner, ranker_of
from ranking.ragged import offsets_of
from ranking.ranker import Ranker
from tables.sequence.sequence_model import RankerStart, SequenceModel


def sequence_model_of(feature: str) -> SequenceModel:
    """One beside which the ranker starts with that feature alone."""
    start = RankerStart([feature], [[], [5.0], [5.0], [5.0]], [0.0, -4.0, -4.0, -4.0])
    return small_sequence_model(["a", "b"], ranker=start)


GENRE = features.NAMES.index("genre")
POPULARITY = features.NAMES.index("popularity")
BUCKET = 3


def example(generator: np.random.Generator, chosen_by: int = GENRE, of: Ranker | None = None) -> Example:
    """Nine candidates of which the one strongest in a feature was chosen, for the learner of a ranker like `of`."""
    matrix = generator.random((9, features.COUNT)).astype(np.float32)
    best = int(matrix[:, chosen_by].argmax())
    matrix[[0, best]] = matrix[[best, 0]]
    return Example(BUCKET, True, matrix, sequence_model="" if of is None else of.sequence_model)


def taught(rounds: int, learner: Learner | None = None, chosen_by: int = GENRE) -> Learner:
    generator = np.random.default_rng(3)
    learner = learner or Learner.start()
    for _ in range(rounds * ROUND):
        learner.learn(example(generator, chosen_by, learner.published))
    return learner


def hits(ranker: Ranker) -> int:
    generator = np.random.default_rng(4)
    found = 0
    for _ in range(100):
        matrix = np.ascontiguousarray(example(generator).features.T)
        scores, _ = ranker.predict(offsets_of([matrix.shape[1]]), matrix, np.array([BUCKET]))
        found += int(scores.argmax()) == 0
    return found


def test_it_learns_what_decides() -> None:
    learner = taught(6)
    assert learner.published.number == 6
    assert hits(learner.published) > hits(Ranker.start()) + 30


def test_users_without_history_keep_their_ranker() -> None:
    learner = Learner.start()
    matrix = example(np.random.default_rng(1)).features
    for _ in range(ROUND):
        learner.learn(Example(0, True, matrix))
    assert np.array_equal(learner.published.weights[0], Ranker.start().weights[0])


def test_a_row_brings_everything_back() -> None:
    learner = taught(3)
    again = Learner.from_row(learner.to_row())
    assert np.array_equal(again.published.weights, learner.published.weights)
    for _ in range(2):
        taught(1, learner)
        taught(1, again)
    assert np.allclose(again.published.weights, learner.published.weights)
    assert again.published.number == learner.published.number == 5


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_round_that_went_wrong_is_thrown_away(poison: float) -> None:
    learner = taught(2)
    before = learner.published
    matrix = example(np.random.default_rng(9)).features.copy()
    matrix[1, GENRE] = poison
    learner.learn(Example(BUCKET, True, matrix))
    for _ in range(ROUND - 1):
        learner.learn(example(np.random.default_rng(5)))
    assert learner.rejected == 1
    assert learner.published is before
    assert taught(1, learner).published.number == before.number + 1, "it goes on from what is published"


def test_a_giant_feature_overflows_nothing() -> None:
    matrix = example(np.random.default_rng(9)).features.copy()
    matrix[1, GENRE] = 1e30
    learner = Learner.start()
    learner.learn(Example(BUCKET, True, matrix))
    assert np.isfinite(taught(1, learner).published.weights).all()


def test_a_round_that_is_worse_than_what_is_published_is_thrown_away() -> None:
    learner = taught(6)
    published = learner.published
    generator = np.random.default_rng(8)
    model = learner._model(BUCKET, 0)
    for name in features.NAMES:
        model._weights[name] = -30.0
    for _ in range(ROUND):
        learner.learn(example(generator))
    assert learner.rejected == 1
    assert learner.published is published


def test_weights_of_other_features_are_refused() -> None:
    row = CODEC.decode(Learner.start().to_row())
    other = type(row)(row.version, ["co_occurrence", "moon"], row.weights, row.intercepts, row.squares, 1, 0)
    with pytest.raises(ValueError, match="moon"):
        ranker_of(CODEC.encode(other))


def test_weights_and_rounds_under_the_former_names_of_features_go_on() -> None:
    former = ["together", "together_lately", "after", "after_newest", "vector", "vector_lasting", *features.NAMES[6:]]
    learner = taught(3)
    learner.learn(example(np.random.default_rng(5)))
    row, begun = CODEC.decode(learner.to_row()), ROUND_CODEC.decode(learner.round_row() or b"")
    row, begun = (msgspec.structs.replace(stored, features=former) for stored in (row, begun))
    restored = Learner.from_row(CODEC.encode(row))
    restored.resume(ROUND_CODEC.encode(begun))
    assert restored.to_row() == learner.to_row()
    assert restored.round_row() == learner.round_row()


def test_weights_of_the_first_version_are_where_learning_starts() -> None:
    old = CODEC.decode(taught(2).to_row())
    names = ["co_occurrence", "sequential", "embedding", "trend_28d"]
    values = np.ones((4, 2, len(names))).astype("<f8").tobytes()
    row = msgspec.msgpack.encode((1, names, values, old.intercepts, values, 7, 3))
    assert np.array_equal(ranker_of(row).weights, Ranker.start().weights)
    assert ranker_of(row).number == 7
    learner = Learner.from_row(row)
    assert taught(1, learner).published.number == 8
    assert learner.rejected == 3
    assert ranker_of(learner.to_row()).number == 8


def test_weights_of_a_former_release_get_the_features_that_came_since() -> None:
    first = Ranker.start(sequence_model_of("recurrent"))
    learner = Learner.start(first)
    row = CODEC.decode(learner.to_row())
    names, keep = list(features.NAMES[:15]), np.arange(15)
    shape = (4, 2, features.COUNT)
    weights, squares = (
        np.frombuffer(stored, "<f8").reshape(shape)[:, :, keep] for stored in (row.weights, row.squares)
    )
    former = msgspec.structs.replace(
        row, features=names, weights=(weights + 1).tobytes(), squares=(squares + 2).tobytes(), number=9
    )
    read = Learner.from_row(CODEC.encode(former), first)
    assert np.array_equal(read.published.weights[:, :, :15], first.weights[:, :, :15] + 1)
    assert np.array_equal(read.published.weights[:, :, 15:], first.weights[:, :, 15:])
    assert read.squares[0, 0, 0] == read.squares[0, 0, 16] + 2
    assert read.published.number == 9


def test_weights_beside_another_sequence_model_are_where_learning_starts() -> None:
    with_model, without = Ranker.start(sequence_model_of("recurrent")), Ranker.start()
    assert with_model.weights[3, 0, features.NAMES.index("recurrent")] == 5.0
    for mine, theirs in ((with_model, without), (without, with_model)):
        learner = taught(2, Learner.start(theirs))
        row = learner.to_row()
        assert np.array_equal(ranker_of(row, theirs).weights, learner.published.weights)
        found = ranker_of(row, mine)
        assert np.array_equal(found.weights, mine.weights)
        assert found.number == 0, "updates beside another model are none of this one"
        assert Learner.from_row(row, mine).squares.min() == Learner.from_row(row, mine).squares.max()


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_round_beside_another_sequence_model_is_given_up(rounds: int) -> None:
    with_model, without = Ranker.start(sequence_model_of("recurrent")), Ranker.start()
    for mine, theirs in ((with_model, without), (without, with_model)):
        learner = taught(rounds, Learner.start(theirs))
        learner.rejected = 1
        learner.learn(example(np.random.default_rng(5), of=theirs))
        row, begun = learner.to_row(), learner.round_row() or b""
        restored = Learner.from_row(row, mine)
        restored.resume(begun)
        assert restored.round_row() is None
        assert (restored.published.number, restored.rejected) == (0, 0)
        untouched = Learner.start(mine)
        untouched.resume(begun)
        assert untouched.round_row() is None
        assert np.array_equal(taught(1, untouched).published.weights, taught(1, Learner.start(mine)).published.weights)
        own = Learner.from_row(row, theirs)
        own.resume(begun)
        assert own.round_row() == begun, "its own goes on"


def test_examples_beside_another_sequence_model_teach_nothing() -> None:
    with_model, without = Ranker.start(sequence_model_of("recurrent")), Ranker.start()
    for mine, theirs in ((with_model, without), (without, with_model)):
        learner = Learner.start(mine)
        waiting = decode(encode(example(np.random.default_rng(5), of=theirs)))
        assert not any(learner.learn(waiting) for _ in range(2 * ROUND))
        assert learner.round_row() is None
        learner.learn(decode(encode(example(np.random.default_rng(5), of=mine))))
        assert learner.round_row() is not None


def test_examples_of_other_features_teach_nothing() -> None:
    old = decode(msgspec.msgpack.encode((2, BUCKET, True, np.ones((9, 12), "<f4").tobytes(), b"")))
    learner = Learner.start()
    assert not any(learner.learn(old) for _ in range(2 * ROUND))
    assert np.array_equal(learner.published.weights, Ranker.start().weights)


def test_an_example_travels_unchanged() -> None:
    sent = example(np.random.default_rng(2))
    arrived = decode(encode(sent))
    assert (arrived.bucket, arrived.liked) == (sent.bucket, sent.liked)
    assert np.array_equal(arrived.features, sent.features)


def test_river_is_loaded_by_who_learns_and_by_nobody_else() -> None:
    code = (
        "import sys, agents.worker; from ranking.learner import load_river\n"
        "print('river' in sys.modules); load_river(); print('river.linear_model' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
