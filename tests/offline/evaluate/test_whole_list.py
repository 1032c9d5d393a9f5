"""Every user's last 20 % is held out, and the list is evaluated by all of it."""

import numpy as np
import pytest
from made_up_log import Scripted, log

from offline.evaluate.baselines.ease import Ease
from offline.evaluate.whole_list import TimeSplit, whole_lists

#: u has five events and one held out, v four and none.
EVENTS = log(["ua", "va", "ub", "vb", "uc", "ud", "vc", "ue", "vd"])


def test_split() -> None:
    split = TimeSplit.of(EVENTS)
    assert split.held_out == {"u": frozenset("e")}
    assert [event.user_id + event.item_id for event in split.train] == ["ua", "va", "ub", "vb", "uc", "ud", "vc", "vd"]
    assert split.now_ms == EVENTS[-1].timestamp_ms


def test_a_sample_of_users_is_seeded() -> None:
    events = log([f"{user}{item}" for item in "abcdefghij" for user in "stuvwxyz"])
    chosen = TimeSplit.of(events, most_users=3, seed=4)
    assert len(chosen.held_out) == 3
    assert chosen == TimeSplit.of(events, most_users=3, seed=4)
    assert chosen.train == TimeSplit.of(events).train


def test_scores() -> None:
    events = log([f"u{item}" for item in "abcdefghijklmno"])  # m, n and o are held out
    scores = whole_lists(TimeSplit.of(events), Scripted("xmyo"))
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert scores.ndcg == pytest.approx([(1 / np.log2(3) + 1 / np.log2(5)) / ideal])
    assert (scores.precision[0], scores.recall[0], scores.hit[0]) == pytest.approx((0.2, 2 / 3, 1))
    assert scores.reciprocal[0] == 0.5
    assert whole_lists(TimeSplit.of(events), Scripted("xyz")).reciprocal[0] == 0


def test_a_nightly_model_is_fitted_on_all_of_the_first_part() -> None:
    model = Ease()
    whole_lists(TimeSplit.of(EVENTS), model)
    assert model.fits == 1
    assert model.recommend("v", EVENTS[-1].timestamp_ms, 1) == []
