"""Served by what it serves: lists are better than chance, and what is tried gives everything its turn."""

from dataclasses import replace

import numpy as np
import pytest
from evaluators.closed_loop import ClosedLoop, Look

from ranking.rerank.settings import RerankSettings

RULES = RerankSettings()
DAYS = 5
PEOPLE = 12


@pytest.fixture(scope="module", params=[RULES.explore_items, 0])
def loop(request: pytest.FixtureRequest) -> tuple[ClosedLoop, list[Look]]:
    """With exploration and without."""
    loop = ClosedLoop(3, PEOPLE, items=150, rules=replace(RULES, explore_items=request.param))
    return loop, loop.lives(DAYS, looks=1)


def test_everybody_looks_every_day_and_nothing_is_better_than_the_best(loop: tuple[ClosedLoop, list[Look]]) -> None:
    _, looks = loop
    assert sorted((look.day, look.person) for look in looks) == [(d, p) for d in range(DAYS) for p in range(PEOPLE)]
    assert all(look.regret >= 0 for look in looks)


def test_what_is_shown_is_worth_more_than_chance(loop: tuple[ClosedLoop, list[Look]]) -> None:
    world, looks = loop
    assert np.mean([look.worth for look in looks if look.day]) > world.truth.mean()


def test_exploration_shows_more_of_the_catalogue() -> None:
    shares = []
    for explored in (RULES.explore_items, 0):
        loop = ClosedLoop(3, PEOPLE, items=250, rules=replace(RULES, explore_items=explored))
        loop.lives(days=3, looks=1)
        shares.append(loop.coverage)
    assert 1 > shares[0] > shares[1] > 0
