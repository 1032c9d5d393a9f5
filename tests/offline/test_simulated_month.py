"""Where the truth about tastes is known: lists get better, show the whole catalogue, and follow changing tastes."""

import numpy as np
import pytest
from simulated_month import DAY_MS, START_MS, TOP, Day, Month


@pytest.fixture(scope="module")
def month() -> tuple[Month, list[Day]]:
    """Thirty days of forty people and three hundred items."""
    month = Month()
    return month, list(month.lives(30))


def test_exploration_shows_the_catalogue_and_costs_the_first_ten_nothing(month: tuple[Month, list[Day]]) -> None:
    world, _ = month
    assert len(world.shown) >= 0.8 * world.items
    assert len(world.shown) > len(world.shown_without)
    assert world.lists == 30 * world.people
    assert world.tops == world.lists, "the first ten are the same, so that their precision is"


def test_regret_falls(month: tuple[Month, list[Day]]) -> None:
    _, days = month
    weeks = [float(np.mean([day.regret for day in days[start : start + 10]])) for start in (0, 10, 20)]
    assert weeks[0] > weeks[1] > weeks[2]


def test_lists_fit_today_better_than_two_days_ago_and_tomorrow_worse_than_today() -> None:
    """Tastes turn by eleven degrees a day. How high the listed items stand in the truth of another day says which day
    the lists are made for; the truth of a whole catalogue moves as well, so places are compared and not likings."""
    month = Month(drift_per_day=0.2, people=60, items=400, events_per_day=1_000)
    fits = {days_ago: [] for days_ago in (0, 1, 2, 3)}
    for _ in month.lives(13):
        if month.number < 8:
            continue
        now_ms = START_MS + month.number * DAY_MS
        for person in month.world.people:
            places = [month.places[item_id] for item_id in month.listed(person, now_ms)[:TOP]]
            for days_ago, found in fits.items():
                order = month.ground_truth(person, now_ms - days_ago * DAY_MS).argsort().argsort()
                found.append(order[places].mean() / month.items)
    means = {days_ago: float(np.mean(found)) for days_ago, found in fits.items()}
    assert max(means, key=lambda days_ago: means[days_ago]) <= 1, means
    assert means[0] > means[2] > means[3], means
