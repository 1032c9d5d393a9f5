"""What people were shown and passed over is what the ranker learns from first."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking import examples
from ranking.examples import PASSED_OVER, decode, encode, example_before
from ranking.impressions import FRESH_MS, REMEMBERED_ITEMS, REMEMBERED_USERS, Impressions
from ranking.ranker import Ranker
from streams.contract.events import EventType, Interaction


def shown(user: str, item: str, position: int | None = None, at_ms: int = NOW_MS) -> Interaction:
    return Interaction(f"{user}-{item}", EventType.IMPRESSION, user, item, at_ms, position=position)


def chosen(user: str, item: str, at_ms: int = NOW_MS) -> Interaction:
    return Interaction(f"{user}-{item}!", EventType.CLICK, user, item, at_ms)


def test_what_stands_further_down_says_less() -> None:
    seen = Impressions()
    for position, item in enumerate("abcd"):
        seen.note(shown("me", item, position))
    assert seen.passed_over(chosen("me", "b")) == [("d", 0.5), ("c", pytest.approx(3**-0.5)), ("a", 1.0)]
    assert seen.passed_over(chosen("you", "b")) == []


def test_only_impressions_that_are_fresh_and_came_before() -> None:
    seen = Impressions()
    seen.note(chosen("me", "used"))
    seen.note(shown("me", "old", at_ms=NOW_MS - FRESH_MS - 1))
    seen.note(shown("me", "fresh", at_ms=NOW_MS - FRESH_MS))
    seen.note(shown("me", "later", at_ms=NOW_MS + 1))
    assert seen.passed_over(chosen("me", "a")) == [("fresh", 1.0)]
    seen.forget("me")
    assert seen.passed_over(chosen("me", "a")) == []


def test_memory_is_bounded() -> None:
    seen = Impressions()
    for number in range(REMEMBERED_ITEMS + 1):
        seen.note(shown("me", f"i{number}"))
    assert [item for item, _ in seen.passed_over(chosen("me", "x"))] == [
        f"i{number}" for number in range(REMEMBERED_ITEMS, 0, -1)
    ]
    for number in range(REMEMBERED_USERS):
        seen.note(shown(f"u{number}", "a"))
    assert seen.passed_over(chosen("me", "x")) == []


@pytest.fixture
def world() -> SmallWorld:
    """Thirty items, all candidates of somebody who used one."""
    world = SmallWorld()
    for user in "abc":
        world.sends(user, [f"i{number}" for number in range(30)])
    world.sends("me", ["i0"])
    world.publish()
    return world


def test_an_example_holds_what_was_passed_over_first(world: SmallWorld) -> None:
    event, user = chosen("me", "i9"), world.user("me")
    weights = {"i3": 0.5, "i4": 0.25, "unknown": 1.0}
    arguments = (event, user, None, world.model, Ranker.start(), NOW_MS, 100)
    example = example_before(*arguments, list(weights.items()))
    assert example is not None
    assert example.weights.tolist() == [1.0, 0.5, 0.25, *[1.0] * (PASSED_OVER - 2)]
    again = decode(encode(example))
    np.testing.assert_array_equal(again.weights, example.weights)
    np.testing.assert_array_equal(again.features, example.features)
    without = example_before(*arguments)
    assert without is not None
    assert set(without.weights.tolist()) == {1.0}


def test_an_example_of_the_first_format_counts_evenly() -> None:
    old = examples._CODEC.encode(examples._Example(1, 3, True, np.ones((2, 12), "<f4").tobytes()))
    assert len(decode(old).weights) == 0
