"""Lists of random worlds under rules of operators: nothing that may not be shown, nothing blocked, and none shorter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import NOW_MS, SmallWorld

from ranking.decision import Decisions
from ranking.filters.eligibility import AGAIN_RULES, allowed
from ranking.filters.request_context import RequestContexts, country_of
from ranking.interests import Histories
from ranking.pipeline import decided
from ranking.ranker import Ranker
from ranking.recommendations import ListReason, Lists, Recommendations
from ranking.rerank.settings import RerankSettings
from ranking.rerank.user_rules import UserRules
from ranking.settings import RankingSettings
from ranking.shared_lists import new_releases, popular, popular_in, popular_of_genre, similar, trending
from ranking.why import why
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType, Interaction
from streams.contract.rules import ACTIONS, ItemMatch, OperatorRule

SIZE = 12
ITEMS = 40
RANKER = Ranker.start()
GENRES = ("Drama", "War", "Kids")
USERS = tuple(f"u{number}" for number in range(6))


def world_of(seed: int) -> SmallWorld:
    """Forty items of every kind, and six people who used some of them."""
    random = np.random.default_rng(seed)
    world = SmallWorld()
    for number in range(ITEMS):
        world.lists(
            CatalogItem(
                f"i{number}",
                title=f"T{number}",
                genres=tuple(random.choice(GENRES, random.integers(0, 3), replace=False).tolist()),
                maturity=random.choice(["all", "12", "18"]).item(),
                regions=(("DE",), (), ())[random.integers(3)],
                released_at_ms=NOW_MS - int(random.integers(0, 60)) * 86_400_000,
                item_type=("movie", "series")[random.integers(2)],
            )
        )
    for user in USERS:
        for number in range(int(random.integers(1, 8))):
            item, country = f"i{random.integers(ITEMS)}", ("DE", "FR", None)[random.integers(3)]
            event = Interaction(
                f"{user} {number}", EventType.PLAY, user, item, NOW_MS - 1_000 + number, country=country
            )
            world.folds(event)
    world.publish()
    world.model.refresh_vectors()
    return world


def _rule(name: str, told: tuple[Any, ...]) -> OperatorRule:
    action, genre, items, factor, where, lists = told
    match = (
        ItemMatch(genre=genre) if genre and action != "pin" else ItemMatch(items=tuple(f"i{item}" for item in items))
    )
    strengths = {"boost": {"factor": 1 + factor * 9}, "bury": {"factor": 0.1 + factor * 0.8}, "pin": {"position": 2}}
    fields: dict[str, Any] = {"lists": "all" if action == "block" else lists, **strengths.get(action, {})}
    return OperatorRule(name, action, match, 1, countries=where, **fields)


RULES = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.sampled_from([None, *GENRES]),
        st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=4, unique=True),
        st.floats(0.1, 1),
        st.sampled_from([(), (), ("DE",)]),
        st.sampled_from(["all", "personal", "shared"]),
    ),
    max_size=5,
).map(lambda told: [_rule(f"r{number}", one) for number, one in enumerate(told)])


def asked_of(world: SmallWorld) -> list[Any]:
    child, grown_up = UserProfile("u1", kids=True), UserProfile("u3", maturity_max="18", country="DE")
    profiles = [None, child, None, grown_up, None, None]
    return [(world.user(user), profile) for user, profile in zip(USERS, profiles, strict=True)]


def made(world: SmallWorld, asked: Sequence[Any]) -> Lists:
    rules = UserRules.of_users(asked, world.model)
    decisions = Decisions.of(asked, world.model, RANKER, NOW_MS, SIZE, rules=rules)
    return decided(decisions, world.model, RANKER, SIZE, RerankSettings())


def lists_of(world: SmallWorld, asked: Sequence[Any]) -> list[list[int]]:
    items = made(world, asked).items
    return [items.row(number).tolist() for number in range(len(asked))]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 5), RULES)
def test_users_lists(seed: int, rules: list[OperatorRule]) -> None:
    world = world_of(seed)
    asked, model = asked_of(world), world.model
    model.rules.follow([rule for rule in rules if rule.action == "block"])
    before = lists_of(world, asked)
    model.rules.follow(rules)
    lists = made(world, asked)
    contexts = RequestContexts.of(asked, Histories.of(asked, model), model, NOW_MS)
    fresh = lists.items.where(lists.reasons != ListReason.SEEN_AGAIN)
    assert allowed(fresh, contexts, model).keep.all()
    assert allowed(lists.items, contexts, model, AGAIN_RULES).keep.all()
    assert ((lists.scores >= 0) & (lists.scores <= 1)).all()
    for number, without in enumerate(before):
        row = lists.items.row(number).tolist()
        assert len(set(row)) == len(row) >= len(without)
        country = country_of(asked[number])
        for rule in (rule for index in row for rule in model.rules.about(index) if rule.action == "block"):
            assert rule.countries, "it is blocked everywhere"
            assert country is not None
            assert country not in rule.countries


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 5), RULES, st.sampled_from([None, 7, 12]))
def test_lists_of_everybody(seed: int, rules: list[OperatorRule], age: int | None) -> None:
    world = world_of(seed)
    model = world.model

    def all_lists() -> list[tuple[str | None, Recommendations]]:
        return [
            (None, popular(model, NOW_MS, SIZE, age)),
            ("DE", popular_in(model, "DE", NOW_MS, SIZE, age)),
            (None, trending(model, None, 24, NOW_MS, SIZE, age=age)),
            ("DE", trending(model, "DE", 168, NOW_MS, SIZE, "War", age)),
            (None, new_releases(model, None, NOW_MS, SIZE, age)),
            (None, popular_of_genre(model, "Drama", NOW_MS, SIZE, age)),
            (None, similar(model, 3, NOW_MS, SIZE)),
        ]

    model.rules.follow([rule for rule in rules if rule.action == "block"])
    without = all_lists()
    model.rules.follow(rules)
    for (country, listed), (_, before) in zip(all_lists(), without, strict=True):
        items = listed.item_index
        of_age = None if listed.reason_code[:1] == ["similar"] else age
        assert model.catalog.available(items, NOW_MS, country, of_age).all()
        assert len(before) <= len(listed) <= SIZE
        assert len(set(items.tolist())) == len(items)
        parts = (listed.score, listed.reason_code, listed.reason, listed.reason_item, listed.algorithms)
        assert {len(part) for part in parts} == {len(items)}
        assert (np.diff(listed.score) <= 0).all()
        assert ((listed.score >= 0) & (listed.score <= 1)).all()


def test_a_pin_says_what_it_is_and_why_names_it() -> None:
    world = world_of(1)
    asked = asked_of(world)
    user, profile = asked[0]
    row = lists_of(world, asked)[0]
    pinned = row[-1]
    world.model.rules.follow(
        [
            OperatorRule("front", "pin", ItemMatch(items=(world.model.ids[pinned],)), 1, position=1),
            OperatorRule("more", "boost", ItemMatch(items=(world.model.ids[pinned],)), 1, factor=2.0),
            OperatorRule("less", "bury", ItemMatch(items=(world.model.ids[pinned],)), 1, factor=0.5, countries=("ZZ",)),
            OperatorRule("gone", "block", ItemMatch(items=(world.model.ids[row[0]],)), 1),
        ]
    )
    told = why(user, profile, world.model, RANKER, NOW_MS, pinned, SIZE, RankingSettings())
    assert (told["slot"], told["reason_code"], told["reason"]) == (1, "featured", "Featured")
    by = {move["rule"]: move.get("by") for move in told["moved"]}
    assert (by["operator_factors"], by["pins"], by["mmr"]) == (["more"], ["front"], None)
    assert [(one["rule_id"], one["concerns"]) for one in told["operator_rules"]] == [
        ("front", True),
        ("more", True),
        ("less", False),
    ]
    gone = why(user, profile, world.model, RANKER, NOW_MS, row[0], SIZE, RankingSettings())
    assert gone["verdict"] == "dropped by unavailable, blocked by gone"
    listed = popular(world.model, NOW_MS, SIZE)
    assert (listed.item_index[0], listed.reason_code[0], str(listed.algorithms[0])) == (pinned, "featured", "rule")


def test_a_rule_by_device_is_for_users_who_were_seen_on_it_last() -> None:
    world = world_of(3)
    for number, device in enumerate(("TV", "phone")):
        event = Interaction(f"on {device}", EventType.VIEW, USERS[number], "i1", NOW_MS, device_type=device)
        world.folds(event)
    world.publish()
    asked = [(world.user(user), None) for user in USERS[:3]]
    before = lists_of(world, asked)
    pins = tuple(world.model.ids[row[-1]] for row in before)
    rule = OperatorRule("r", "pin", ItemMatch(items=tuple(dict.fromkeys(pins))), 1, None, 1, (), ("tv",), "personal")
    world.model.rules.follow([rule])
    changed = [now != then for now, then in zip(lists_of(world, asked), before, strict=True)]
    assert changed == [True, False, False]


def test_rules_for_users_lists_change_no_list_of_everybody_and_the_other_way() -> None:
    world = world_of(2)
    asked = asked_of(world)
    personal, shared = lists_of(world, asked), popular(world.model, NOW_MS, SIZE).item_index.tolist()
    pins = tuple(world.model.ids[index] for index in (personal[0][-1], shared[-1]))
    for lists in ("personal", "shared"):
        world.model.rules.follow([OperatorRule("r", "pin", ItemMatch(items=pins), 1, position=1, lists=lists)])  # type: ignore[arg-type]
        assert (lists_of(world, asked) != personal) == (lists == "personal")
        assert (popular(world.model, NOW_MS, SIZE).item_index.tolist() != shared) == (lists == "shared")
