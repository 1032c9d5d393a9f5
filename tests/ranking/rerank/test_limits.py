"""Genres, categories, new items and exploration: each rule does what it says and no more."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from ranked_pools import falling, listed, pool_of

from ranking.rerank.settings import RerankSettings

OFF = RerankSettings.off()


def genres_of(places: list[int], genres: list[str]) -> set[str]:
    return set("".join(genres[place] for place in places))


@pytest.mark.parametrize("others", [["b"], ["b", "b", "c"], ["bc"], ["b", "c", "d"]])
def test_three_genres_in_the_first_20_where_there_are_three(others: list[str]) -> None:
    genres = ["a"] * 40 + others
    places = listed(pool_of(genres, size=30), replace(OFF, min_genres=3)).places.tolist()
    assert len(genres_of(places[:20], genres)) == min(3, len(genres_of(list(range(len(genres))), genres)))
    assert places[:18] == list(range(18)), "only the tail gives way"


def test_an_item_that_carries_a_genre_alone_may_give_way_only_for_more() -> None:
    genres = ["a"] * 19 + ["b"] + ["c"] * 20 + ["b"]
    places = listed(pool_of(genres, size=20), replace(OFF, min_genres=3)).places.tolist()
    assert len(genres_of(places, genres)) == 3


def test_sixty_five_genres_and_more_are_told_apart() -> None:
    letters = [chr(0x4E00 + number) for number in range(130)]
    genres = [letters[0]] * 30 + [letters[64], letters[128]]
    places = listed(pool_of(genres, size=20), replace(OFF, min_genres=3)).places.tolist()
    assert len(genres_of(places, genres)) == 3


def test_at_most_three_of_a_category_in_the_first_ten() -> None:
    genres = ["ax"] * 10 + ["b"] * 10 + ["c"] * 10 + [""] * 10
    places = listed(pool_of(genres), replace(OFF, category_max=3)).places.tolist()
    assert Counter(genres[place][:1] for place in places[:10]) == {"a": 3, "b": 3, "c": 3, "": 1}
    assert places[10:17] == [3, 4, 5, 6, 7, 8, 9], "those passed over come first behind"


def test_a_pool_of_one_category_fills_the_slots_all_the_same() -> None:
    assert listed(pool_of(["a"] * 12), replace(OFF, category_max=3)).places.tolist() == list(range(12))


def test_at_most_a_fifth_of_the_first_20_is_of_one_category() -> None:
    genres = [letter for letter in "abcdef" for _ in range(10)]
    places = listed(pool_of(genres), replace(OFF, genre_share_max=0.2)).places.tolist()
    assert max(Counter(genres[place] for place in places[:20]).values()) == 4


def test_new_releases_are_boosted_by_age() -> None:
    pool = pool_of(["a"] * 4, days_old={1: 29.0, 2: 6.9, 3: -1.0})
    result = listed(pool, replace(OFF, boost_7d=1.3, boost_30d=1.1), [0.8, 0.75, 0.7, 0.65])
    assert result.places.tolist() == [2, 1, 0, 3]
    assert result.scores.tolist() == pytest.approx([0.91, 0.825, 0.8, 0.65])


def test_a_boosted_score_is_at_most_one() -> None:
    result = listed(pool_of(["a", "a"], days_old={0: 1.0}), replace(OFF, boost_7d=1.3), [0.9, 0.8])
    assert result.scores.tolist() == pytest.approx([1.0, 0.8])


def test_every_twentieth_slot_is_for_a_new_release() -> None:
    pool = pool_of(["a"] * 120, size=100, days_old=dict.fromkeys((45, 90, 110, 111), 10.0))
    places = listed(pool, replace(OFF, new_item_share=0.05)).places.tolist()
    assert (places[19], places[39], places[59], places[79]) == (45, 90, 110, 111)
    assert places[:19] == list(range(19))
    assert places[20] == 19, "what gave way comes next"


def test_a_run_that_shows_a_new_release_already_needs_no_other() -> None:
    pool = pool_of(["a"] * 60, size=40, days_old=dict.fromkeys((3, 50), 10.0))
    places = listed(pool, replace(OFF, new_item_share=0.05)).places.tolist()
    assert places[:39] == list(range(39))
    assert places[39] == 50


def test_exploration_leaves_the_first_ten_alone_and_takes_three_of_the_next() -> None:
    pool = pool_of(["a"] * 120, size=100, unranked=20)
    places = listed(pool, replace(OFF, explore_items=3)).places.tolist()
    assert places[:10] == list(range(10))
    tried = [slot for slot, place in enumerate(places[:20]) if place >= 20]
    assert tried == [12, 15, 19]


def test_chance_is_the_seed_and_nothing_else() -> None:
    settings = replace(OFF, explore_items=3)
    lists = {
        seed: [listed(pool_of(["a"] * 120, size=20, unranked=20, seed=seed), settings).places.tolist() for _ in "12"]
        for seed in range(5)
    }
    assert all(first == second for first, second in lists.values())
    assert len({tuple(first) for first, _ in lists.values()}) == 5


def test_what_nobody_has_met_is_tried_before_what_many_have_met_and_few_liked() -> None:
    pool = pool_of(["a"] * 100, size=20, unranked=10)
    pool.model.events[20:90] = 100
    settings = replace(OFF, explore_items=3)
    tried = 0
    for seed in range(100):
        places = listed(pool._replace(seeds=np.array([seed])), settings, falling(90, 0.4, 0.02)).places.tolist()
        tried += sum(place >= 90 for place in places)
    assert tried > 270
