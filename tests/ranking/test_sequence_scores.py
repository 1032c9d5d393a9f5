"""What a sequence model says is what its formulas say, item by item and event by event, and without one nothing is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sequence_model import WIDTH, small_sequence_model
from small_world import NOW_MS, SmallWorld

from ranking import features, sequence_scores
from ranking.candidates import SEQUENCE_MODEL_SIZES, Generator
from ranking.decision import Decisions
from ranking.examples import decode, encode, example_before
from ranking.interests import Asked, Histories
from ranking.pipeline import recommend_all
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from ranking.sequence_scores import SequenceScores
from streams.contract.events import EventType, Interaction
from tables.item_model import ItemModel
from tables.sequence.sequence_model import LINEAR_DECAY, LINEAR_WINDOW, RankerStart, SequenceModel

ITEMS = [f"i{number}" for number in range(12)]
#: One of the world is not trained, one that is trained the world does not know.
TRAINED = [*ITEMS[1:], "unknown"]
LOGS = st.lists(st.lists(st.sampled_from(ITEMS), max_size=30), min_size=1, max_size=4)


class TrainedWorld(SmallWorld):
    """A world whose version has a sequence model."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model = ItemModel(sequence_model=model)


def trained_world(histories: list[list[str]], model: SequenceModel | None = None) -> tuple[TrainedWorld, list[Asked]]:
    """Everybody views their items in order; all items are known."""
    world = TrainedWorld(model or small_sequence_model(TRAINED))
    world.sends("everybody", ITEMS)
    for number, items in enumerate(histories):
        for place, item in enumerate(items):
            world.sends(f"u{number}", [item], EventType.VIEW, NOW_MS + place)
    world.publish()
    return world, [(world.users.view(f"u{number}"), None) for number in range(len(histories))]


def norm(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    x = x - x.mean()
    return x / np.sqrt((x * x).mean() + 1e-5) * weights[0] + weights[1]


def recurrent_by_hand(history: list[str], model: SequenceModel) -> dict[str, float]:
    """One item after the other, in complex numbers."""
    arrays, row = model.arrays, {item: number for number, item in enumerate(model.items)}
    decay = arrays["decay"][0] + 1j * arrays["decay"][1]
    state, last = np.zeros(WIDTH, np.complex128), -1
    for item in history:
        if item in row:
            last = row[item]
            state = decay * state + (arrays["inputs"][last, :WIDTH] + 1j * arrays["inputs"][last, WIDTH:])
    if last < 0:
        return {}
    whole = np.concatenate([state.real, state.imag])
    x = norm(arrays["last_items"][last] + whole @ arrays["state_output"], arrays["state_norm"])
    inner = x @ arrays["inner"] + arrays["inner_bias"]
    inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
    out = norm(x + inner @ arrays["outer"] + arrays["outer_bias"], arrays["output_norm"])
    return {item: float(out @ arrays["embeddings"][at] + arrays["biases"][at]) for item, at in row.items()}


def linear_by_hand(history: list[str], model: SequenceModel) -> dict[str, float]:
    arrays, row = model.arrays, {item: number for number, item in enumerate(model.items)}
    scores = dict.fromkeys(model.items, 0.0)
    newest = [row[item] for item in reversed(history) if item in row][:LINEAR_WINDOW]
    for place, at in enumerate(newest):
        for named, weight in zip(arrays["linear_items"][at], arrays["linear_weights"][at], strict=True):
            scores[model.items[named]] += LINEAR_DECAY**place * float(weight)
    return scores


@settings(deadline=None, max_examples=40)
@given(LOGS)
def test_scores_are_those_of_one_item_after_the_other(histories: list[list[str]]) -> None:
    world, asked = trained_world(histories)
    model = world.model.sequence.model
    found = SequenceScores.of(Histories.of(asked, world.model), world.model)
    assert found is not None
    for number, (user, _) in enumerate(asked):
        history = [] if user is None else list(user.history.entries)
        recurrent, linear = recurrent_by_hand(history, model), linear_by_hand(history, model)
        for item in ITEMS:
            at = world.model.index(item)
            assert found.recurrent[number, at] == pytest.approx(recurrent.get(item, 0.0), abs=2e-4)
            assert found.linear[number, at] == pytest.approx(linear.get(item, 0.0), abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(LOGS)
def test_a_history_has_the_same_state_whoever_is_beside_it(histories: list[list[str]]) -> None:
    world, asked = trained_world(histories)
    assert world.model.sequence is not None
    recent = sequence_scores.used(Histories.of(asked, world.model))
    together, last = sequence_scores.states(recent, world.model.sequence)
    for number, one in enumerate(asked):
        alone = sequence_scores.states(sequence_scores.used(Histories.of([one], world.model)), world.model.sequence)
        assert alone[0].tobytes() == together[number].tobytes()
        assert alone[1][0] == last[number]


def test_the_best_quarter_of_the_recurrent_part_are_candidates() -> None:
    least, most = SEQUENCE_MODEL_SIZES
    for count, size in ((2 * least, least), (4 * least + 40, least + 10), (4 * most + 40, most)):
        items = [f"i{number}" for number in range(count)]
        world = TrainedWorld(small_sequence_model(items, seed=3))
        world.sends("everybody", items)
        world.sends("me", items[:5])
        world.publish()
        asked = [(world.user("me"), None)]
        decision = Decisions.of(asked, world.model, Ranker.start(), NOW_MS, 20)
        found = decision.generator_scores.sequence
        assert found is not None
        met = [world.model.index(item) for item in items[:5]]
        best = np.argsort(-np.delete(found.recurrent[0], met), kind="stable")[:size]
        unmet = np.delete(np.arange(len(world.model)), met)
        named = decision.items.values[(decision.generators & Generator.SEQUENCE_MODEL) > 0]
        assert set(unmet[best].tolist()) == set(named.tolist())
    off = Decisions.of(asked, world.model, Ranker.start(), NOW_MS, 20, Generator.SEQUENCE_MODEL)
    assert not (off.generators & Generator.SEQUENCE_MODEL).any()


def test_features_are_parts_of_what_is_said_of_the_best_candidate() -> None:
    world, asked = trained_world([["i1", "i2", "i3"], []])
    decision = Decisions.of(asked, world.model, Ranker.start(), NOW_MS, 3)
    rows = decision.matrix[[features.NAMES.index(name) for name in sequence_scores.NAMES]]
    mine = slice(decision.items.offsets[0], decision.items.offsets[1])
    recurrent, odds, linear, root = rows[:, mine]
    scores = decision.generator_scores.sequence
    assert scores is not None
    said = scores.recurrent[0, decision.items.values[mine]]
    known = said != 0
    below = said[known] - said[known].max()
    assert np.allclose(recurrent[known], np.maximum(0, 1 + below / 16), atol=1e-6)
    assert np.allclose(odds[known], np.exp(below), atol=1e-6)
    assert not recurrent[~known].any()
    assert not odds[~known].any()
    assert np.allclose(root**2, linear, atol=1e-6)
    assert linear.max() <= 1
    assert not rows[:, decision.items.offsets[1] :].any(), "nothing is known of the other"


def test_without_a_model_every_feature_of_it_is_0(world: SmallWorld) -> None:
    decision = Decisions.of([(world.user("abc0"), None)], world.model, Ranker.start(), NOW_MS, 5)
    assert decision.generator_scores.sequence is None
    assert not decision.matrix[len(features.NAMES) - len(sequence_scores.NAMES) :].any()
    assert world.model.trained_until_ms == 0


def test_the_fitted_weights_of_the_model_lead_the_list() -> None:
    weights = RankerStart(
        ["recurrent", "gone"], [[], [40.0, 1.0], [40.0, 1.0], [40.0, 1.0]], [0.0, -30.0, -30.0, -30.0]
    )
    model = small_sequence_model(TRAINED, ranker=weights)
    world, asked = trained_world([["i1", "i2", "i3", "i4", "i5"]], model)
    ranker = Ranker.start(model)
    assert np.array_equal(ranker.weights[0], Ranker.start().weights[0])
    (listed,) = recommend_all(asked, world.model, ranker, NOW_MS, 3, RerankSettings.off())
    scores = SequenceScores.of(Histories.of(asked, world.model), world.model)
    assert scores is not None
    met = [world.model.index(item) for item in ("i1", "i2", "i3", "i4", "i5")]
    said = scores.recurrent[0].copy()
    said[met] = -np.inf
    assert listed.item_index[0] == said.argmax()


def test_nothing_is_learned_from_what_the_model_was_trained_with() -> None:
    trained_until_ms = NOW_MS + 3
    world, _ = trained_world([["i1", "i2", "i3"]], small_sequence_model(TRAINED, trained_until_ms=trained_until_ms))
    user = world.user("u0")
    for at_ms, teaches in ((trained_until_ms, False), (trained_until_ms + 1, True)):
        event = Interaction("e", EventType.VIEW, "u0", "i4", at_ms)
        example = example_before(event, user, None, world.model, Ranker.start(), at_ms, 20)
        assert (example is not None) == teaches
        if example is not None:
            assert decode(encode(example)).sequence_model == world.model.sequence.model.digest
