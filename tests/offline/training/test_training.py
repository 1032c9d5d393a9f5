"""Training finds what a made-up log is made by, goes on after it was ended as if it had not been, and its tables say
what its network says."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_log import log as made_up

from offline.evaluate.log import EvaluationLog
from offline.evaluate.splits import Part, Split
from offline.training import linear, ranker_fit, recurrent
from offline.training.ranker_fit import FittedDecision, FittedDecisions
from offline.training.recurrent import Epoch, RecurrentSettings
from offline.training.sequences import Sequences
from offline.training.train import TooLittleToTrain, TrainingPlan, train
from ranking import features
from ranking.ragged import Ragged
from ranking.sequence_scores import recurrent_scores
from tables.sequence.sequence_columns import SequenceColumns
from tables.sequence.sequence_model import SequenceModel, UnusableSequenceModel

ITEMS = "abcdefghijklmnopqrstuvwx"


def circular(users: int = 60, length: int = 9, seed: int = 0) -> EvaluationLog:
    """Everybody goes round the alphabet, two letters at a time, from where they begin."""
    random = np.random.default_rng(seed)
    pairs: list[tuple[str, str]] = []
    for user in range(users):
        first = int(random.integers(len(ITEMS)))
        pairs += [(chr(200 + user), ITEMS[(first + 2 * step) % len(ITEMS)]) for step in range(length)]
    return EvaluationLog(made_up(user + item for user, item in pairs), {}, 0)


def sequences(log: EvaluationLog) -> Sequences:
    split = Split.leave_one_out(log.events)
    return Sequences.of(split.learned(log.events, with_validation=False), split.targets(log.events, Part.VALIDATION))


@contextmanager
def silent(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationLog, SequenceModel, list[Epoch]]:
    log, epochs = circular(), []
    plan = TrainingPlan(tmp_path_factory.mktemp("training"), (3,), RecurrentSettings(epochs=40, rate=0.02, patience=40))
    split = Split.leave_one_out(log.events)
    model = train(log, split, plan, silent, lambda _, epoch: epochs.append(epoch))
    return log, model, epochs


def test_what_a_log_is_made_by_is_found(trained: tuple[EvaluationLog, SequenceModel, list[Epoch]]) -> None:
    log, model, epochs = trained
    assert epochs[-1].loss < epochs[0].loss
    best = max(epoch.ndcg_at_10 for epoch in epochs)
    assert best > 0.9, "the next item is always the same"
    assert model.about["curve"][0]["number"] == 1
    split = Split.leave_one_out(log.events)
    assert model.trained_until_ms == max(event.timestamp_ms for event in split.learned(log.events)), "tuned by, too"
    assert model.about["held_out"] == split.digest()
    assert set(model.items) == set(ITEMS)


def test_tables_say_what_the_network_says(
    trained: tuple[EvaluationLog, SequenceModel, list[Epoch]], tmp_path: Path
) -> None:
    log, _, _ = trained
    own = sequences(log)
    found = recurrent.train(own, RecurrentSettings(epochs=1, seed=5), tmp_path / "x")
    arrays = recurrent.arrays_of(found.best)
    named, weights = linear.fit(own)
    model = SequenceModel(tuple(own.items), arrays | {"linear_items": named, "linear_weights": weights}, 0)
    history = own.histories[0]
    goes_on = np.ones((1, len(history)), np.float32)
    goes_on[0, 0] = 0
    expected = np.asarray(recurrent._last_scores(found.best, history[None], goes_on))[0]
    columns = SequenceColumns(model)
    columns.follow(model.keys())
    recent = Ragged(np.array([0, len(history)]), history[::-1].copy())
    scores = recurrent_scores(recent, columns, len(own.items))
    assert np.allclose(scores[0], expected, atol=1e-4)


def test_a_training_that_was_ended_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    own = sequences(circular(users=20))
    whole = recurrent.train(own, RecurrentSettings(epochs=4, patience=9), tmp_path / "whole")

    def ended(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recurrent.train(own, RecurrentSettings(epochs=4, patience=9), tmp_path / "half", ended)
    heard: list[int] = []
    resumed = recurrent.train(
        own, RecurrentSettings(epochs=4, patience=9), tmp_path / "half", lambda epoch: heard.append(epoch.number)
    )
    assert heard == [3, 4]
    assert resumed.curve == whole.curve
    assert all(np.array_equal(resumed.best[name], whole.best[name]) for name in whole.best)
    other = recurrent.train(own, RecurrentSettings(epochs=1, seed=9), tmp_path / "half")
    assert len(other.curve) == 1, "a checkpoint of another training is not gone on with"


def epochs_trained(own: Sequences, checkpoint: Path) -> list[int]:
    heard: list[int] = []
    recurrent.train(own, RecurrentSettings(epochs=2), checkpoint, lambda epoch: heard.append(epoch.number))
    return heard


def test_a_checkpoint_of_other_sequences_is_not_gone_on_with(tmp_path: Path) -> None:
    own = sequences(circular(users=8))
    others = (
        replace(own, histories=[own.histories[0][::-1].copy(), *own.histories[1:]]),
        replace(own, targets=own.targets[::-1].copy()),
        replace(own, asked=own.asked[::-1].copy()),
        replace(own, items=own.items[::-1]),
    )
    assert len({own.digest(), *(other.digest() for other in others)}) == 5
    assert epochs_trained(own, tmp_path / "x") == [1, 2]
    for other in others:  # as many users, items, events and targets
        assert epochs_trained(other, tmp_path / "x") == [1, 2]
    assert epochs_trained(others[-1], tmp_path / "x") == [], "its own is"


def test_training_stops_when_nothing_gets_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recurrent, "validated", lambda *_: (0.5, 0.5))
    found = recurrent.train(sequences(circular(users=8)), RecurrentSettings(epochs=30, patience=2), tmp_path / "x")
    assert len(found.curve) == 3


def test_the_linear_part_is_the_ridge_regression_of_its_definition() -> None:
    own = sequences(circular(users=12, length=7))
    items = len(own.items)
    gram, cross = np.zeros((items, items)), np.zeros((items, items))
    for history in own.histories:
        for at in range(1, len(history)):
            source = np.zeros(items)
            for place, item in enumerate(history[:at][::-1][: linear.LINEAR_WINDOW]):
                source[item] += linear.LINEAR_DECAY**place
            gram += np.outer(source, source)
            cross[:, history[at]] += source
    found = linear.statistics(own.histories, items)
    assert np.allclose(found[0], gram, atol=1e-4)
    assert np.allclose(found[1], cross, atol=1e-4)
    weights = linear.solve(*found, ridge=5.0)
    assert np.allclose((gram + 5 * np.eye(items)) @ weights, cross, atol=1e-3)
    named, kept = linear.largest(weights, 4)
    for row in range(items):
        largest = np.sort(np.abs(weights[row]))[-4:]
        assert np.allclose(np.sort(np.abs(kept[row])), largest)
        assert np.array_equal(weights[row, named[row]], kept[row])


def test_weights_are_those_that_make_the_chosen_likely() -> None:
    random = np.random.default_rng(1)
    truth = np.zeros(features.COUNT)
    truth[[0, 4]] = 4.0, -3.0
    rows = []
    for _ in range(ranker_fit.LEAST_DECISIONS * 3):
        matrix = random.random((30, features.COUNT)).astype(np.float32)
        odds = np.exp(matrix @ truth)
        rows.append(FittedDecision(matrix, int(random.choice(30, p=odds / odds.sum())), matrix[:, 1].copy(), 3))
    decisions = FittedDecisions.of(rows)
    few = rows[: ranker_fit.SOME_DECISIONS]
    start, about = ranker_fit.fit({3: rows, 0: rows, 1: few[1:], 2: few})
    assert [bool(row) for row in start.weights] == [False, False, True, True]
    assert about["2"]["decisions"] == len(rows) + 2 * len(few) - 1
    assert np.allclose(start.weights[3], truth, atol=1.2)
    assert start.weights[3][0] > 3
    assert about["3"]["decisions"] == len(rows)
    scores = 1 / (1 + np.exp(-(decisions.matrix @ np.array(start.weights[3]) + start.intercepts[3])))
    assert scores.sum() == pytest.approx(len(rows), rel=1e-3)
    assert start.prior_strengths[:2] == [5.0, 5.0]
    for knows, strength in ((True, ranker_fit.STRENGTHS[-1]), (False, ranker_fit.STRENGTHS[0])):
        told = [row._replace(prior=((np.arange(30) == row.chosen) == knows).astype(np.float32)) for row in rows]
        weights = np.array(start.weights[3])
        assert FittedDecisions.of(told).prior_strength(weights, start.intercepts[3]) == strength
    loss, gradient = decisions.loss(truth)
    step = np.zeros(features.COUNT)
    step[2] = 1e-2
    assert (decisions.loss(truth + step)[0] - loss) / 1e-2 == pytest.approx(gradient[2], abs=2e-2)


def test_too_little_is_said() -> None:
    log = EvaluationLog(made_up(["ua", "vb"]), {}, 0)
    with pytest.raises(TooLittleToTrain):
        train(log, Split.leave_one_out(log.events), TrainingPlan(Path("nowhere")), silent)


def test_a_model_that_diverged_is_no_model(trained: tuple[EvaluationLog, SequenceModel, list[Epoch]]) -> None:
    _, model, _ = trained
    broken = {**model.arrays, "inputs": np.full_like(model.arrays["inputs"], np.nan)}
    with pytest.raises(UnusableSequenceModel, match="inputs holds what is no number"):
        SequenceModel(model.items, broken, 0).encode()


def test_workers_and_evaluation_do_not_need_jax() -> None:
    code = (
        "import sys; sys.modules['jax'] = None; sys.modules['optax'] = None\n"
        "import agents.worker, offline.evaluate.held_out_evaluation, ops.commands.train, ops.cli"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
