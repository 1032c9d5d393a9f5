"""Recommend, then learn: who is asked when, and what is counted as what."""

import pytest
from made_up_log import Scripted, log

from offline.evaluate.baselines.popularity import Popularity
from offline.evaluate.prequential import MISS, NotAList, Window, prequential


def test_every_list_is_asked_for_before_its_event_is_learned() -> None:
    model = Scripted("", "a", "ab")
    prequential(log(["ua", "ub", "va"]), model, Window(0, 3))
    assert model.calls == ["?u", "ua", "?u", "ub", "?v", "va"]


def test_a_sample_of_the_window_is_evaluated_and_all_before_its_end_is_learned() -> None:
    model = Scripted("abc", "abc")
    evaluated = prequential(log(["ua", "ub", "uc", "va", "vb", "vc", "wa"]), model, Window(3, 6, every=2, phase=0))
    assert evaluated.event.tolist() == [3, 5]
    assert model.calls == ["ua", "ub", "uc", "?v", "va", "vb", "?v", "vc"]
    assert [Window(3, 6, every=2, phase=1).evaluators(number) for number in (2, 3, 4, 5, 6)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_ranks_histories_and_ages() -> None:
    evaluated = prequential(log(["ua", "ub", "va", "vb", "wb"]), Scripted("", "ba", "b", "a"), Window(1, 5))
    assert evaluated.rank.tolist() == [MISS, 1, 0, MISS]  # b was never seen before; a second; b first; not listed
    assert evaluated.history.tolist() == [1, 0, 1, 0]
    assert evaluated.age.tolist() == [0, 1, 1, 2]
    assert evaluated.user.tolist() == [0, 1, 1, 2]
    assert evaluated.ids == ["a", "b"]
    assert evaluated.lists[:, :3].tolist() == [[-1, -1, -1], [1, 0, -1], [1, -1, -1], [0, -1, -1]]
    # before the last event two of two users had met a
    assert evaluated.novelty.tolist() == [0.0, 0.0, 1.0, 0.0]


def test_what_the_user_met_is_taken_off_and_counted() -> None:
    evaluated = prequential(log(["ua", "vb", "ub"]), Scripted("ab"), Window(2, 3))
    assert evaluated.rank.tolist() == [0]
    assert evaluated.met_listed == 1


@pytest.mark.parametrize(("listed", "problem"), [("bb", "twice"), ("c", "not in the log so far")])
def test_what_is_no_list_is_refused(listed: str, problem: str) -> None:
    with pytest.raises(NotAList, match=problem):
        prequential(log(["ua", "vb", "uc"]), Scripted(listed), Window(2, 3))


def test_the_same_log_gives_the_same_ranks() -> None:
    events = log([f"{user}{item}" for user in "uvwx" for item in "abcdef"])
    ranks = [prequential(events, Popularity(), Window(4, 24)).rank.tolist() for _ in range(2)]
    assert ranks[0] == ranks[1]
