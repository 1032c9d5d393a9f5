"""New users: who is asked about when, what the answer is evaluated by, and what the report says."""

from evaluators import cold_start
from evaluators.cold_start import NOBODY, CitingFreshet, answers, questions
from made_up_log import Scripted, log

from offline.evaluate.baselines.popularity import Popularity
from offline.production_path import ProductionPath

EVENTS = log(["ua", "va", "vb", "wa", "ub", "vc", "wb"])


def test_only_new_users_are_asked_about_at_every_number_of_known_events() -> None:
    asked = questions(EVENTS, 1, known=(0, 1, 5))
    assert [(one.before, one.user_id, one.known) for one in asked] == [
        (1, "v", 0),
        (2, "v", 1),
        (3, "w", 0),
        (6, "w", 1),
    ]
    assert [set(one.wanted) for one in asked] == [{"a", "b", "c"}, {"b", "c"}, {"a", "b"}, {"b"}]
    assert asked[1].now_ms == EVENTS[2].timestamp_ms


def test_the_horizon_is_twenty_events() -> None:
    events = log([f"u{chr(97 + number)}" for number in range(25)])
    assert [len(one.wanted) for one in questions(events, 0)] == [20, 20, 20, 20, 20, 15]


def test_an_answer_is_given_before_the_event_is_learned() -> None:
    model = Scripted("a", "a", "b", "abc")
    given = answers(EVENTS, model, questions(EVENTS, 1, known=(0, 1))[:2])
    assert model.calls[:8] == ["ua", "?v", f"?{NOBODY}", "va", "?v", f"?{NOBODY}", "vb", "wa"]
    assert given == [(["a"], ["a"]), (["b"], ["b", "c"])]  # v met a: nobody's list without it


def test_report() -> None:
    asked = questions(EVENTS, 1, known=(0, 1))
    ours = [(["a"], ["a"]), (["b", "c"], ["c", "b"]), (["a", "b"], ["a"]), (["x"], ["x"])]
    popular = [(["a"], ["a"]), (["x"], ["x"]), (["a"], ["a"]), (["x"], ["x"])]
    report = cold_start.report(asked, ours, popular, seed=1)
    assert report["0"]["users"] == 2
    assert (report["0"]["precision_at_10"], report["0"]["popularity"]) == (0.15, 0.1)
    assert report["1"]["difference"] == 0.1
    assert report["1"]["differs_from_popular"] == 0.5
    assert report["1"]["difference_ci95"] == (0.0, 0.2)


def test_popularity_never_differs_from_itself() -> None:
    asked = questions(EVENTS, 0)
    given = answers(EVENTS, Popularity(), asked)
    report = cold_start.report(asked, given, given, seed=1)
    assert all(row["difference"] == 0 and row["differs_from_popular"] == 0 for row in report.values())


def test_lists_that_cite_the_user_are_counted() -> None:
    items = "mnopqrstuvwx"
    events = log([f"{user}{item}" for user in "abcdefgh" for item in items] + [f"y{item}" for item in items])
    model = CitingFreshet(ProductionPath(), {})
    answers(events, model, questions(events, len(events) - len(items)))
    assert model.lists == {1: 1, 2: 1, 3: 1, 5: 1, 10: 1}
    assert (model.citing[1], model.citing[10]) == (0, 1)
