"""Boosts, buries and pins in re-ranking, beside loops that do what the documents say."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ranked_pools import falling, pool_of

from ranking.ragged import offsets_of
from ranking.rerank.pool import Pools
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.rerank.user_rules import UserRules
from streams.contract.rules import ItemMatch, OperatorRule

OFF = RerankSettings.off()
GENRES = ["a", "b", "ab", "", "c"] * 5


def ruled(*rules: OperatorRule, of: tuple[str, ...] = ("",), unranked: int = 0, size: int = 0) -> Pools:
    """The same pool for users in these countries."""
    pool = pool_of(GENRES, unranked=unranked, size=size)
    pool.model.rules.follow(rules)
    effects = [pool.model.rules.effect(country, "", "personal") for country in of]
    users = len(of)
    return pool._replace(
        offsets=offsets_of([len(GENRES)] * users),
        items=np.tile(pool.items, users),
        age_ms=np.tile(pool.age_ms, users),
        is_new=np.tile(pool.is_new, users),
        ranked=np.tile(pool.ranked, users),
        seeds=np.tile(pool.seeds, users),
        rules=UserRules(effects, np.arange(users)),
    )


def lists(pools: Pools, scores: Any) -> tuple[Reranked, list[list[int]]]:
    found = rerank(pools, np.tile(np.array(scores, np.float32), len(pools.seeds)), OFF)
    ends = found.offsets.tolist()
    return found, [pools.items[found.places[first:end]].tolist() for first, end in pairwise(ends)]


def rule(name: str, action: Any, match: ItemMatch, **fields: Any) -> OperatorRule:
    return OperatorRule(name, action, match, 1, **fields)


FACTORS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 0.5, 1.5, 4.0]), st.sampled_from([(), ("DE",)])), max_size=3
)


@settings(deadline=None, max_examples=60)
@given(FACTORS, st.integers(0, 5))
def test_scores_are_multiplied_and_lists_ordered_by_them(wanted: Any, unranked: int) -> None:
    rules = [
        rule(f"r{number}", "boost" if factor > 1 else "bury", ItemMatch(genre=genre), factor=factor, countries=where)
        for number, (genre, factor, where) in enumerate(wanted)
    ]
    ranked = len(GENRES) - unranked
    scores = [*falling(ranked), *[0.0] * unranked]
    found, listed = lists(ruled(*rules, of=("", "DE"), unranked=unranked), scores)
    for country, own in zip(("", "DE"), listed, strict=True):
        product = np.ones(len(GENRES))
        for genre, factor, where in wanted:
            if not where or country in where:
                product *= [factor if genre in letters else 1.0 for letters in GENRES]
        new = np.array(scores, np.float32) * np.clip(product, 0.1, 10.0).astype(np.float32)
        assert own == sorted(range(len(GENRES)), key=lambda item: -new[item])
    shown = found.scores.reshape(2, -1)
    assert ((shown >= 0) & (shown <= 1)).all()
    assert (np.diff(shown) <= 0).all()


@settings(deadline=None, max_examples=60)
@given(st.permutations(range(len(GENRES))), st.integers(1, 4), st.integers(1, 15), st.integers(0, 5))
def test_pins_stand_in_their_slots_and_the_others_in_their_order(
    items: list[int], count: int, position: int, unranked: int
) -> None:
    pinned = items[:count]
    pin = rule("r", "pin", ItemMatch(items=tuple(f"i{item}" for item in pinned)), position=position, countries=("DE",))
    scores = [*falling(len(GENRES) - unranked), *[0.0] * unranked]
    found, (others, german) = lists(ruled(pin, of=("FR", "DE"), unranked=unranked), scores)
    assert others == list(range(len(GENRES))), "no rule is about them"
    assert german[position - 1 : position - 1 + count] == pinned
    assert [item for item in german if item not in pinned] == [item for item in others if item not in pinned]
    assert (np.diff(found.scores.reshape(2, -1)) <= 0).all()


def test_a_pin_comes_onto_a_list_from_behind_it_and_a_short_list_ends_with_it() -> None:
    pin = rule("r", "pin", ItemMatch(items=("i24",)), position=20)
    assert lists(ruled(pin, size=3), falling(25))[1] == [[0, 1, 2]]
    pin = rule("r", "pin", ItemMatch(items=("i24", "i23")), position=2)
    assert lists(ruled(pin, size=3), falling(25))[1] == [[0, 24, 23]]


def test_what_moved_an_item_is_named() -> None:
    pin = rule("r", "pin", ItemMatch(items=("i1",)), position=1)
    boost = rule("s", "boost", ItemMatch(genre="c"), factor=3.0)
    found, _ = lists(ruled(pin, boost), falling(25))
    assert [step.rule for step in found.steps(0)] == ["operator_factors", "pins"]


def test_a_list_that_no_rule_is_about_is_not_touched() -> None:
    pools = ruled(rule("r", "boost", ItemMatch(genre="a"), factor=3.0, countries=("DE",)), of=("FR",))
    assert lists(pools, falling(25))[0].steps(0) == []
