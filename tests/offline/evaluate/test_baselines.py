"""Each baseline says what its definition says, on logs small enough to work out."""

from collections.abc import Callable

import numpy as np
import pytest
from made_up_log import DAY_MS, START_MS, event, log

from offline.evaluate.baselines.als import ImplicitAls
from offline.evaluate.baselines.ease import LAMBDA, Ease
from offline.evaluate.baselines.item_knn import ItemKnn
from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.baselines.popularity import Popularity, RecentPopularity
from offline.evaluate.baselines.seen_log import SeenLog
from offline.evaluate.baselines.slist import DECAY_ITEMS, REACH, TOGETHER_SHARE, Slist
from offline.evaluate.baselines.slist import LAMBDA as SLIST_LAMBDA
from offline.evaluate.baselines.stan import NEAR_DECAY_ITEMS, NEIGHBOUR_DECAY_DAYS, OWN_DECAY_ITEMS, Stan
from offline.evaluate.baselines.vsknn import VSknn
from offline.evaluate.models import MODELS, EvaluationConditions
from offline.evaluate.prequential import Window, prequential
from offline.evaluate.recommender import Recommender
from streams.contract.events import Interaction

NOW_MS = START_MS + DAY_MS - 1
NEXT_DAY_MS = START_MS + DAY_MS
#: u, v and w meet a, b and c; x, y and z meet d and e; two others meet nothing but c.
TWO_INTERESTS = [
    *(f"{user}{item}" for user in "uvw" for item in "abc"),
    *(f"{user}{item}" for user in "xyz" for item in "de"),
    *("1c", "2c"),
]


def taught(model: Recommender, events: list[Interaction]) -> Recommender:
    for one in events:
        model.learn(one)
    return model


def test_popularity_counts_users() -> None:
    model = taught(Popularity(), log(["ua", "va", "vb", "wb", "wc", "xb"]))
    assert model.recommend("nobody", NOW_MS, 2) == ["b", "a"]
    assert model.recommend("v", NOW_MS, 9) == ["c"]


def test_recent_popularity_forgets_after_a_week() -> None:
    old = [event(user, "a") for user in "uvw"]
    new = [event(user, "b", START_MS + DAY_MS) for user in "uv"]
    model = taught(RecentPopularity(), old + new)
    assert model.recommend("nobody", START_MS + 2 * DAY_MS, 2) == ["a", "b"]
    assert model.recommend("nobody", START_MS + 7 * DAY_MS, 2) == ["b", "a"]
    assert model.recommend("nobody", START_MS + 20 * DAY_MS, 2) == ["a", "b"]  # nothing recent: as ever


def test_item_knn_is_the_cosine_of_shared_users() -> None:
    model = taught(ItemKnn(), log(["ua", "ub", "va", "vb", "wa", "wc", "xd", "yd", "zd", "tb"]))
    # b shares 2 of sqrt(3 * 3) with a, c shares 1 of sqrt(3 * 1): .67 against .58; d nothing
    assert model.recommend("t2", NOW_MS, 1) in (["a"], ["b"], ["d"])
    model.learn(event("t2", "a"))
    assert model.recommend("t2", NOW_MS, 3) == ["b", "c", "d"]


def test_vsknn_lists_what_those_used_who_used_the_same_lately() -> None:
    model = taught(VSknn(), log(["ua", "uc", "va", "vc", "wb", "wd", "xb", "xd", "yd", "zd", "ta", "tb"]))
    # two are alike by b, the newest: 1 each, two by a: .95 each; c was used by 2 of 7, d by 4 of 7
    assert model.recommend("t", NOW_MS, 2) == ["c", "d"]
    model.learn(event("s", "b"))
    assert model.recommend("s", NOW_MS, 3)[:2] == ["d", "a"]
    assert model.recommend("nobody", NOW_MS, 1) == ["d"]


def test_stan_is_the_paper_s_sum() -> None:
    old, new = START_MS, START_MS + 30 * DAY_MS
    given = [("u", "a", old), ("u", "c", old), ("v", "b", new), ("v", "e", new), ("v", "d", new)]
    model = taught(Stan(), [event(*one) for one in [*given, ("t", "a", new), ("t", "b", new)]])
    assert model.recommend("t", new, 3) == ["e", "d", "c"]
    like_v = 1 / np.sqrt(2 * 3)
    like_u = np.exp(-1 / OWN_DECAY_ITEMS) * np.exp(-30 / NEIGHBOUR_DECAY_DAYS) / np.sqrt(2 * 2)
    assert isinstance(model, Stan)
    neighbours = dict(model._neighbours(2, [2, 0], new))
    assert neighbours == pytest.approx({0: like_u, 1: like_v})
    assert like_u < like_v * np.exp(-2 / NEAR_DECAY_ITEMS)  # so d, two after b, is before c


def test_slist_is_the_least_square_without_a_diagonal() -> None:
    histories = {"u": "abcd", "v": "bcae", "w": "dab", "x": "c", "y": "eabcd"}
    model = Slist(live_history=True)
    taught(model, log([f"{user}{item}" for user, items in histories.items() for item in items]))
    model.refit()
    names = "".join(dict.fromkeys("".join(histories.values())))
    met, before, after = [], [], []
    for items in histories.values():
        met.append([float(name in items) for name in names])
        for at in range(1, len(items)):
            rows = np.zeros((2, len(names)))
            for place, item in enumerate(items):
                if place < at and at - place <= REACH:
                    rows[0, names.index(item)] += np.exp(-(at - place - 1) / DECAY_ITEMS)
                if at <= place < at + REACH:
                    rows[1, names.index(item)] += np.exp(-(place - at) / DECAY_ITEMS)
            before.append(rows[0])
            after.append(rows[1])
    x, s, t = np.array(met), np.array(before), np.array(after)
    for column in range(len(names)):  # each by itself: least squares over all rows but the item's own
        free = [row for row in range(len(names)) if row != column]
        left = np.vstack(
            [
                np.sqrt(TOGETHER_SHARE) * x[:, free],
                np.sqrt(1 - TOGETHER_SHARE) * s[:, free],
                np.sqrt(SLIST_LAMBDA) * np.eye(len(free)),
            ]
        )
        right = np.concatenate(
            [np.sqrt(TOGETHER_SHARE) * x[:, column], np.sqrt(1 - TOGETHER_SHARE) * t[:, column], np.zeros(len(free))]
        )
        assert np.allclose(model._weights[free, column], np.linalg.lstsq(left, right, rcond=None)[0], atol=1e-4)
    assert not np.diagonal(model._weights).any()


def test_ease_is_the_closed_form() -> None:
    events = log(TWO_INTERESTS)
    model = Ease()
    taught(model, events)
    model.refit()
    met = np.zeros((8, 5))
    for one in events:
        met["uvwxyz12".index(one.user_id), "abcde".index(one.item_id)] = 1
    inverse = np.linalg.inv(met.T @ met + LAMBDA * np.eye(5))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    assert np.allclose(model._weights, weights, atol=1e-5)


@pytest.mark.parametrize("make", [Ease, Slist, lambda: ImplicitAls(1)])
def test_users_of_one_interest_are_given_what_goes_with_it(make: Callable[[], Nightly]) -> None:
    rng = np.random.default_rng(3)
    events = [
        event(f"{interests}{number}", f"{interests}-{item}")
        for number in range(60)
        for interests in ("left", "right")
        for item in rng.permutation(100)[:20]
    ]
    model = make()
    taught(model, events)
    model.refit()
    for user in ("left7", "right7"):
        best = model.recommend(user, NOW_MS, 5)
        assert {item.partition("-")[0] for item in best} == {user[:-1]}


@pytest.mark.parametrize("make", [Ease, lambda **options: ImplicitAls(1, **options)])
def test_a_night_passes_before_anything_is_known(make: Callable[..., Nightly]) -> None:
    today, tomorrow = make(), make(live_history=True)
    for model in (today, tomorrow):
        taught(model, log(TWO_INTERESTS))
        assert model.fits == 0
        model.learn(event("t", "d", NEXT_DAY_MS))
        assert model.recommend("nobody", NEXT_DAY_MS, 1)[0] in "abcd"
        assert model.fits == 1
        model.recommend("t", NEXT_DAY_MS + 1, 1)
        assert model.fits == 1
    # t came after the night: the nightly list is the popular one, live history knows about d
    assert today.recommend("t", NEXT_DAY_MS + 1, 1) == ["c"]
    assert tomorrow.recommend("t", NEXT_DAY_MS + 1, 1) == ["e"]


def test_a_nightly_list_is_of_what_the_user_had_met_last_night() -> None:
    model = Ease()
    taught(model, [*log(TWO_INTERESTS), event("t", "a"), event("t", "d", NEXT_DAY_MS)])
    assert set(model.recommend("t", NEXT_DAY_MS + 1, 2)) == {"b", "c"}
    model.learn(event("nobody", "a", NEXT_DAY_MS + DAY_MS))
    assert set(model.recommend("t", NEXT_DAY_MS + DAY_MS, 3)) == {"b", "c", "e"}
    assert model.fits == 2


def test_nights_with_few_new_events_are_left_out() -> None:
    every_night, seldom = Ease(), Ease(least_new=3)
    for model in (every_night, seldom):
        taught(model, log(TWO_INTERESTS))
        for day in range(1, 7):
            model.recommend("u", START_MS + day * DAY_MS, 1)
            model.learn(event(f"new{day}", "a", START_MS + day * DAY_MS))
    assert (every_night.fits, seldom.fits) == (6, 2)


def test_items_that_came_since_the_night_are_last() -> None:
    model = Ease(live_history=True)
    taught(model, [*log(TWO_INTERESTS), event("x", "n", NEXT_DAY_MS), event("y", "n", NEXT_DAY_MS)])
    assert model.recommend("z", NEXT_DAY_MS + 1, 9)[-1] == "n"


def test_a_question_on_a_day_without_events_refits_too() -> None:
    model = Ease()
    taught(model, log(TWO_INTERESTS))
    model.recommend("u", NEXT_DAY_MS, 1)
    assert model.fits == 1


def test_more_items_than_there_was_room_for() -> None:
    events = [event("u", f"i{number}", START_MS + number) for number in range(3000)]
    for model in (Popularity(), RecentPopularity(), ItemKnn()):
        taught(model, events)
        assert model.recommend("u", NOW_MS, 10) == []
        assert len(model.recommend("v", NOW_MS, 10)) == 10


def test_best_unmet_of_few() -> None:
    seen = SeenLog()
    for one in log(["ua", "ub", "uc"]):
        seen.add(one)
    assert seen.best_unmet(np.array([1.0, 3.0, 2.0]), -1, 10) == ["b", "c", "a"]
    assert seen.best_unmet(np.array([1.0, 3.0, 2.0]), seen.user("u"), 10) == []


@pytest.mark.parametrize("name", MODELS)
def test_every_model_gives_lists_of_the_log_so_far(name: str) -> None:
    events = log([f"{user}{item}" for user in "uvwx" for item in "abcdef"] + ["ya", "yb"], step_ms=DAY_MS // 10)
    evaluated = prequential(events, MODELS[name](EvaluationConditions({})), Window(0, len(events)))
    assert evaluated.met_listed == 0
    assert evaluated.seen_items == 6
