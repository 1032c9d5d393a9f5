"""Where the next item stood in the list that the user had."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking.next_item import NOT_LISTED, place_of_next
from streams.contract.events import EventType, Interaction


def event(item: str, kind: EventType = EventType.VIEW, rating: float | None = None) -> Interaction:
    return Interaction("e", kind, "abc0", item, NOW_MS, rating=rating)


@pytest.fixture
def shown(world: SmallWorld) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([world.model.index("y"), world.model.index("x")], np.int32)


def test_places(world: SmallWorld, shown: np.ndarray[tuple[int], np.dtype[np.int32]]) -> None:
    user = world.user("abc0")
    assert [place_of_next(event(item), user, shown, world.model) for item in "yx"] == [0, 1]
    assert place_of_next(event("unheard of"), user, shown, world.model) == NOT_LISTED
    assert place_of_next(event("y"), None, shown[:0], world.model) == NOT_LISTED


def test_what_was_met_before_is_not_evaluated(world: SmallWorld) -> None:
    met = np.array([world.model.index("a")], np.int32)
    assert place_of_next(event("a"), world.user("abc0"), met, world.model) is None
    assert place_of_next(event("a"), world.user("xy0"), met, world.model) == 0


def test_ratings_are_evaluated_whatever_their_stars(
    world: SmallWorld, shown: np.ndarray[tuple[int], np.dtype[np.int32]]
) -> None:
    user = world.user("abc0")
    assert place_of_next(event("x", EventType.RATING, 1.0), user, shown, world.model) == 1
    for kind in (EventType.IMPRESSION, EventType.SKIP, EventType.HIDE, EventType.DISLIKE):
        assert place_of_next(event("x", kind), user, shown, world.model) is None
