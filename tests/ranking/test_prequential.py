"""Recommend, then learn: on real ratings in their true order, a personal list must beat popularity clearly."""

from pathlib import Path

import pytest
from small_world import SmallWorld

from ranking.pipeline import recommend
from ranking.ranker import Ranker
from streams.contract.events import EventType

RATINGS = Path(__file__).parents[3] / "shared" / "data" / "ml-100k" / "u.data"
EVENTS = 24_000
BATCH = 400
ASKED_FROM = 12_000
ASKED_EVERY = 10
TOP = 10


@pytest.mark.skipif(not RATINGS.exists(), reason="needs ../shared/data/ml-100k")
def test_personal_lists_beat_popularity_on_real_ratings() -> None:
    world = SmallWorld()
    asked = personal_hits = popular_hits = 0
    for number, (user_id, item_id, rating, at_ms) in enumerate(_ratings()):
        if number % BATCH == 0:
            world.publish(at_ms)
        if number >= ASKED_FROM and number % ASKED_EVERY == 0:
            user = world.users.view(user_id)
            listed = recommend(user, None, world.model, Ranker.start(), at_ms, TOP)
            met = user.seen.hours if user is not None else {}
            unmet = (index for index in world.model.priors.popular_order.tolist() if world.model.ids[index] not in met)
            popular = [index for index, _ in zip(unmet, range(TOP), strict=False)]
            index = world.model.index(item_id)
            asked += 1
            personal_hits += index in listed.item_index.tolist()
            popular_hits += index in popular
        world.sends(user_id, [item_id], _kind(rating), at_ms)
    assert asked == (EVENTS - ASKED_FROM) // ASKED_EVERY
    assert personal_hits > 2 * popular_hits, f"{personal_hits} against {popular_hits} hits in {asked} lists"
    assert personal_hits / asked > 0.15


def _ratings() -> list[tuple[str, str, float, int]]:
    """(user, item, rating, event time ms) of the first events, oldest first."""
    rows = [line.split("\t") for line in RATINGS.read_text().splitlines()]
    rows.sort(key=lambda row: int(row[3]))
    return [(user, item, float(rating), int(seconds) * 1000) for user, item, rating, seconds in rows[:EVENTS]]


def _kind(rating: float) -> EventType:
    if rating >= 4:
        return EventType.LIKE
    return EventType.VIEW if rating >= 3 else EventType.DISLIKE
