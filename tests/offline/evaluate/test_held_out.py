"""Held-out targets: who is asked for what, that nobody learns it before, and that a split comes back from its file."""

from pathlib import Path

import numpy as np
import pytest
from made_up_log import Scripted, log
from small_sequence_model import small_sequence_model

from offline.evaluate.foreknowledge import HELD_OUT, KnownBefore, refuse_known, refuse_known_targets
from offline.evaluate.held_out import held_out
from offline.evaluate.metrics import gini, reciprocals
from offline.evaluate.prequential import MISS
from offline.evaluate.splits import InvalidSplit, Part, Split

EVENTS = log(["ua", "ub", "va", "uc", "wa", "vb", "wb", "wc", "xa"])


def names(events: list) -> list[str]:
    return [event.user_id + event.item_id for event in events]


def test_the_last_of_everybody_with_three_is_left_out() -> None:
    split = Split.leave_one_out(EVENTS)
    assert names(split.targets(EVENTS)) == ["uc", "wc"]
    assert names(split.targets(EVENTS, Part.VALIDATION)) == ["ub", "wb"]
    assert names(split.learned(EVENTS)) == ["ua", "ub", "va", "wa", "vb", "wb", "xa"]
    assert names(split.learned(EVENTS, with_validation=False)) == ["ua", "va", "wa", "vb", "xa"]


def test_from_a_moment_on_the_first_of_who_comes_back_is_asked_for_and_nothing_learned() -> None:
    split = Split.at_time(EVENTS, 4)
    assert names(split.learned(EVENTS)) == ["ua", "ub", "va", "uc"]
    assert names(split.targets(EVENTS)) == ["vb"]
    assert names(split.targets(EVENTS, Part.VALIDATION)) == ["uc"], "nothing from the moment on is tuned on"
    assert names(split.learned(EVENTS, with_validation=False)) == ["ua", "ub", "va"]
    assert Split.at_time(EVENTS, len(EVENTS)) == Split.for_tuning(EVENTS, 7)


def test_splits_that_hold_out_something_else_have_another_digest() -> None:
    one, other = log(["ua", "ub", "uc", "va"]), log(["ua", "uc", "ub", "va"])
    splits = [Split.leave_one_out(one), Split.leave_one_out(other), Split.at_time(one, 2), Split.at_time(one, 4)]
    assert len({split.digest() for split in splits}) == 4
    again = Split(dict(reversed([*splits[0].parts.items()])))
    assert again.digest() == splits[0].digest()


def test_what_a_model_was_trained_with_does_not_evaluate_it() -> None:
    split = Split.leave_one_out(EVENTS)
    newest_ms = EVENTS[-2].timestamp_ms  # wc, a target; uc is older
    for model, known in (
        (small_sequence_model("ab", trained_until_ms=newest_ms), 2),
        (small_sequence_model("ab", trained_until_ms=newest_ms - 1), 1),
        (small_sequence_model("ab", trained_until_ms=newest_ms, about={HELD_OUT: Split({}).digest()}), 2),
    ):
        with pytest.raises(KnownBefore, match=f"another split.*and {known} of those"):
            refuse_known_targets(model, split, EVENTS)
    refuse_known_targets(small_sequence_model("ab", trained_until_ms=EVENTS[3].timestamp_ms - 1), split, EVENTS)
    by_the_same = small_sequence_model("ab", trained_until_ms=newest_ms, about={HELD_OUT: split.digest()})
    refuse_known_targets(by_the_same, split, EVENTS)
    with pytest.raises(KnownBefore, match="and 1 of those"):
        refuse_known(by_the_same, EVENTS[-2:])
    refuse_known(by_the_same, EVENTS[-1:])


def test_who_trains_tunes_on_the_last_item_of_those_who_were_there_lately() -> None:
    split = Split.for_tuning(EVENTS, 4)
    assert names(split.targets(EVENTS, Part.VALIDATION)) == ["vb", "wc"], "x has used one item only"
    assert not split.targets(EVENTS)
    assert names(split.learned(EVENTS, with_validation=False)) == ["ua", "ub", "va", "uc", "wa", "wb", "xa"]


def test_a_split_comes_back_from_its_file(tmp_path: Path) -> None:
    split, path = Split.leave_one_out(EVENTS), tmp_path / "split.csv"
    split.write(path)
    assert path.read_text().splitlines()[:3] == ["user_id,item_id,part", "u,b,validation", "u,c,test"]
    assert Split.read(path, EVENTS) == split


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("user,item", "does not begin with"),
        ("user_id,item_id,part\nu,z,test", "line 2: user u has no item z"),
        ("user_id,item_id,part\nu,a,moon", "one of test, validation, unused"),
        ("user_id,item_id,part\nu,a,test\nu,b,test", "two test items of one user"),
    ],
)
def test_what_is_no_split_of_the_log_is_refused(tmp_path: Path, rows: str, problem: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(rows + "\n")
    with pytest.raises(InvalidSplit, match=problem):
        Split.read(path, EVENTS)


def test_everything_is_learned_then_everybody_is_asked_once() -> None:
    split = Split.leave_one_out(EVENTS)
    model = Scripted("ba", "ab")
    found = held_out(split.learned(EVENTS), split.targets(EVENTS), model)
    assert model.calls[-2:] == ["?u", "?w"]
    assert model.calls[:-2] == ["ua", "ub", "va", "wa", "vb", "wb", "xa"]
    assert found.evaluated.rank.tolist() == [MISS, MISS]
    assert found.candidate_recall is None


def test_ranks_are_among_what_the_user_has_not_met() -> None:
    events = log(["ua", "ub", "uc", "va", "vb", "vd", "wc", "wd"])
    split = Split.leave_one_out(events)

    class Named(Scripted):
        def candidates(self, user_id: str, now_ms: int, size: int) -> set[str]:
            return {"c"}

    found = held_out(split.learned(events), split.targets(events), Named("abdc", "dcba"))
    assert found.evaluated.rank.tolist() == [1, 0]
    assert found.evaluated.met_listed == 4
    assert found.candidate_recall == 0.5


def test_how_unevenly_places_fall_on_items() -> None:
    even = np.array([[0, 1], [2, 3]], np.int32)
    assert gini(even, 4) == 0.0
    assert gini(np.array([[0], [0]], np.int32), 4) == 0.75
    assert gini(np.full((2, 2), -1, np.int32), 4) is None


def test_reciprocal_ranks_end_where_they_are_cut() -> None:
    ranks = np.array([0, 4, 5], np.int16)
    assert reciprocals(ranks, 5).tolist() == [1.0, 0.2, 0.0]
    assert reciprocals(ranks).tolist() == [1.0, 0.2, 1 / 6]
