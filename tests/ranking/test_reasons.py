"""Reasons are true: each is recomputed here from the model, the slow way."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.decision import Decisions
from ranking.pipeline import recommend
from ranking.ranker import TASK_WEIGHTS, Ranker
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType, Interaction
from streams.contract.units import DAY_MS
from tables.user import User

RANKER = Ranker.start()
SIZE = 30
KINDS = (EventType.VIEW, EventType.LIKE, EventType.DISLIKE, EventType.PURCHASE)


@pytest.fixture
def world() -> SmallWorld:
    """Forty people in two countries, two hundred items of which some are new; likes and dislikes."""
    world, random = SmallWorld(), np.random.default_rng(3)
    ages = {number: random.integers(0, 400) for number in range(200)}
    world.lists(
        *(
            CatalogItem(f"i{n}", title=f"Item {n}", genres=(f"g{n % 7}",), released_at_ms=NOW_MS - int(age) * DAY_MS)
            for n, age in ages.items()
        )
    )
    for number in range(600):
        user = f"u{random.integers(40)}"
        item = f"i{int(random.integers(14) ** 2 * (1 + (number % 2)) / 2)}"
        kind = KINDS[int(random.choice(4, p=[0.5, 0.3, 0.1, 0.1]))]
        country = "DE" if int(user[1:]) % 2 else "BR"
        world.folds(Interaction(f"x{number}", kind, user, item, NOW_MS - (600 - number) * 1000, country=country))
    world.publish()
    return world


def added_by(user: User, world: SmallWorld, item: int) -> dict[int, float]:
    """Recent item to what it adds to the logit of `item`, by the formulas in ranking/*.py."""
    decision = Decisions.of([(user, None)], world.model, RANKER, NOW_MS, SIZE)
    model, recent, interests = world.model, decision.interests.recent.values.tolist(), decision.interests
    weights = dict(zip(features.NAMES, TASK_WEIGHTS @ RANKER.weights[decision.buckets[0]], strict=True))
    values = dict(zip(features.NAMES, decision.matrix[:, decision.items.values.tolist().index(item)], strict=True))

    def weight_in(columns: object, row: int) -> float:
        hits = columns.items[row] == item  # type: ignore[attr-defined]
        return float(columns.weights[row][hits].sum())  # type: ignore[attr-defined]

    co_occurrence = {
        j: interests.weights[place] * weight_in(model.neighbours, j) * model.norm[j]
        for place, j in enumerate(recent[:20])
    }
    sequential = {
        j: interests.weights[place] * weight_in(model.successors, j) / (model.visits[j] + 5)
        for place, j in enumerate(recent[:10])
    }
    vectors = model.vectors.vectors
    likeness = {j: interests.weights[place] * float(vectors[item] @ vectors[j]) for place, j in enumerate(recent)}
    added = dict.fromkeys(recent, 0.0)
    for name, parts, decay, most in (
        ("co_occurrence", co_occurrence, 0.9, 20),
        ("co_occurrence_recent", co_occurrence, 0.5, 8),
        ("sequential", sequential, 0.7, 10),
        ("sequential_newest", sequential, 1.0, 1),
        ("embedding", likeness, 0.6, 50),
        ("embedding_long_term", likeness, 0.95, 50),
    ):
        faded = {j: part * decay**place for place, (j, part) in enumerate(list(parts.items())[:most])}
        total = sum(faded.values())
        for j, part in faded.items():
            added[j] += weights[name] * values[name] * part / total if total > 0 else 0.0
    return added


def test_because_you_watched_names_what_contributed_most(world: SmallWorld) -> None:
    cited = 0
    for user_id in world.users.users():
        user = world.user(user_id)
        listed = recommend(user, None, world.model, RANKER, NOW_MS, SIZE)
        for slot, item in enumerate(listed.item_index.tolist()):
            source = int(listed.reason_item[slot])
            assert (listed.reason_code[slot] == "because_you_watched") == (source >= 0)
            if source < 0:
                continue
            cited += 1
            added = added_by(user, world, item)
            assert added[source] == pytest.approx(max(added.values()))
            assert added[source] > 0
            _, code = user.history.entries[world.model.ids[source]]
            verb = {3: "viewed", 8: "liked", 13: "saved", 12: "bought"}.get(code, "rated")
            assert listed.reason[slot] == f"Because you {verb} {world.model.title(source)}"
            assert code != 9, "what was disliked is no reason"
    assert cited > 100


def test_nothing_is_cited_that_the_viewer_may_not_see(world: SmallWorld) -> None:
    """Somebody else used the device before a child logged in, and was linked with the child as a guest."""
    hidden = {world.model.index(f"i{number}") for number in range(0, 200, 2)}
    world.lists(
        *(CatalogItem(f"i{n}", maturity="18" if n % 2 == 0 else "all", genres=(f"g{n % 7}",)) for n in range(200))
    )
    cited: dict[bool, set[int]] = {False: set(), True: set()}
    for user_id in world.users.users():
        for kids in (False, True):
            profile = UserProfile(user_id, maturity_max="18", kids=kids)
            listed = recommend(world.user(user_id), profile, world.model, RANKER, NOW_MS, SIZE)
            cited[kids].update(listed.reason_item[listed.reason_item >= 0].tolist())
    assert cited[False] & hidden
    assert cited[True] - hidden, "what may be seen still is"
    assert not cited[True] & hidden


def test_trending_new_and_popular_are_what_they_say(world: SmallWorld) -> None:
    found = set()
    popular = world.model.priors.popular_order[:100]
    lowest = world.model.priors.prior[popular[-1]]
    for user_id in world.users.users():
        user = world.user(user_id)
        listed = recommend(user, None, world.model, RANKER, NOW_MS, SIZE)
        trending = set(world.model.trending(user.row.country, 24, NOW_MS, 50)[0].tolist())
        for item, code, text in zip(listed.item_index.tolist(), listed.reason_code, listed.reason, strict=True):
            found.add(text.split(" in ")[0].partition(" you ")[0])
            age_ms = NOW_MS - world.model.catalog.released_at_ms[item]
            if code == "new":
                assert age_ms < (7 if text == "New this week" else 30) * DAY_MS
            elif code == "trending":
                assert item in trending
                assert text == f"Trending in {world.model.trend_segment(user.row.country, NOW_MS)}"
            elif code == "popular":
                assert world.model.priors.prior[item] >= lowest
    assert {"Because", "New this week", "New this month", "Trending"} <= found


def test_what_was_picked_while_onboarding_was_not_watched() -> None:
    world = SmallWorld()
    for number in range(10):
        world.sends(f"u{number}", ["x", "y"])
    world.lists(CatalogItem("x", title="Xanadu"), *(CatalogItem(name) for name in "yz"))
    world.publish()
    profile = UserProfile("me", seed_items=("x",) * 1)
    listed = recommend(None, profile, world.model, RANKER, NOW_MS, 5)
    assert not any("watched" in text or "viewed" in text for text in listed.reason)
