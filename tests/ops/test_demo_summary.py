"""The demo's sum: what makes it wrong."""

from dataclasses import replace

import pytest

from ops.accounting import Account
from ops.demo.freshness import Percentiles
from ops.demo.summary import Summary

RIGHT = Summary(
    acknowledged={0: 6, 1: 4},
    ends={0: 6, 1: 4, 2: 0},
    account=Account(published=10, folded=7, duplicates=2, dead_letters=1, users=3),
    lists_written=5,
    freshness=Percentiles(40.0, 90.0, 120.0),
    phases_s={"start": 1.5},
    expected={"folded": 7, "duplicates": 2, "dead_letters": 1},
)


def test_a_right_sum_has_no_problems_and_says_everything() -> None:
    assert RIGHT.problems() == []
    assert RIGHT.as_dict() == {
        "published": 10,
        "folded": 7,
        "duplicates": 2,
        "dead_letters": 1,
        "unaccounted": 0,
        "lists_written": 5,
        "users": 3,
        "freshness_ms": {"p50": 40.0, "p99": 90.0},
        "phases_s": {"start": 1.5},
    }


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (replace(RIGHT, account=replace(RIGHT.account, folded=6), expected=None), "1 records are unaccounted for"),
        (replace(RIGHT, account=replace(RIGHT.account, folded=8), expected=None), "-1 records are unaccounted for"),
        (replace(RIGHT, acknowledged={0: 6, 1: 5}), "partition 1: 5 records acknowledged, but its end offset is 4"),
        (replace(RIGHT, acknowledged={0: 6}), "partition 1: 0 records acknowledged, but its end offset is 4"),
        (replace(RIGHT, account=replace(RIGHT.account, published=11, folded=8), expected=None), "the log grew to 11"),
        (
            replace(RIGHT, account=replace(RIGHT.account, folded=8, duplicates=1)),
            "folded: 8, but 7 were simulated",
        ),
    ],
)
def test_whatever_does_not_add_up_is_a_problem(wrong: Summary, problem: str) -> None:
    assert any(found.startswith(problem) for found in wrong.problems())


def test_without_samples_freshness_is_unknown() -> None:
    assert replace(RIGHT, freshness=None).as_dict()["freshness_ms"] == {"p50": None, "p99": None}
