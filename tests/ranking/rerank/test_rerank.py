"""Re-ranking as a whole: a permutation of the pool, honest scores, and a report of who moved what."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ranked_pools import listed, pool_of

from ranking.rerank.rerank import RULES
from ranking.rerank.settings import RerankSettings

OFF = RerankSettings.off()


def test_off_leaves_the_list_as_it_was_ranked() -> None:
    pool = pool_of(["a"] * 40, size=30, days_old=dict.fromkeys(range(40), 1.0), unranked=5)
    result = listed(pool, OFF)
    assert result.places.tolist() == list(range(30))
    assert result.moved(0) == {}


def test_the_report_names_the_rules_that_moved_something() -> None:
    pool = pool_of(["a"] * 20 + ["b", "c", "d"], size=20)
    moved = listed(pool, replace(OFF, min_genres=3)).moved(0)
    assert moved == {"min_genres": 2}


def test_an_item_moved_up_shows_the_best_score_of_those_after_it() -> None:
    pool = pool_of(["a"] * 20 + ["b"], size=20)
    result = listed(pool, replace(OFF, min_genres=2), np.linspace(0.9, 0.1, 21))
    assert result.places.tolist()[-1] == 20
    assert result.scores[-1] == np.float32(0.1)
    moved_up = listed(pool, replace(OFF, mmr_lambda=0.01), np.linspace(0.9, 0.1, 21))
    slot = moved_up.places.tolist().index(20)
    assert slot == 1
    assert moved_up.scores[1] == moved_up.scores[2] > np.float32(0.1)


GENRES = st.lists(st.text("abcde", max_size=3), min_size=1, max_size=90)


@settings(deadline=None, max_examples=150)
@given(GENRES, st.integers(1, 100), st.integers(0, 40), st.integers(0, 2**32 - 1), st.data())
def test_every_list_is_part_of_the_pool_once_and_its_scores_never_rise(
    genres: list[str], size: int, unranked: int, seed: int, data: st.DataObject
) -> None:
    unranked = min(unranked, len(genres))
    ages = data.draw(st.dictionaries(st.integers(0, len(genres) - 1), st.floats(-5, 60)))
    pool = pool_of(genres, size=size, days_old=ages, unranked=unranked, seed=seed)
    some, ranked = st.floats(0, 1, width=32), len(genres) - unranked
    scores = np.array(sorted(data.draw(st.lists(some, min_size=ranked, max_size=ranked)), reverse=True), np.float32)
    strict = RerankSettings(category_max=3, genre_share_max=0.2)
    result = listed(pool, data.draw(st.sampled_from([RerankSettings(), strict, OFF])), scores)
    places = result.places.tolist()
    assert len(places) == len(set(places)) == min(size, len(genres))
    shown = result.scores.tolist()
    assert all(0.0 <= score <= 1.0 for score in shown)
    assert all(first >= second for first, second in pairwise(shown))
    again = listed(pool, RerankSettings(), scores)
    assert again.places.tolist() == listed(pool, RerankSettings(), scores).places.tolist()


def test_nothing_comes_after_the_rule_that_keeps_genres_apart() -> None:
    assert [rule.__name__ for rule in RULES[-2:]] == ["min_genres", "pins"], "but for what operators pin"
