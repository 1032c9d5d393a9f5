"""Who may serve, and the exact reasons for those who may not."""

from dataclasses import replace

import pytest

from offline.versions.gate import Behind, Evidence, GateLimits, reasons_against
from offline.versions.list_diff import StoredList, compare

LIMITS = GateLimits()
GOOD = Evidence(
    version="v2",
    workers=1,
    behind=[
        Behind("folded", "user.interactions", 3, 0, 10_000),
        Behind("listed", "user.interactions", 3, 9_999, 10_000),
    ],
    lists=compare(("v1", "v2"), {"u": StoredList(("a",), "personal", 9)}, {"u": StoredList(("a",), "personal", 9)}, {}),
    quality={"metric": "ndcg@10", "live": 0.2, "difference": 0.001, "low": -0.003},
)


def lists(a: dict[str, StoredList], b: dict[str, StoredList]) -> Evidence:
    return replace(GOOD, lists=compare(("v1", "v2"), a, b, {}))


def personal(items: str) -> StoredList:
    return StoredList(tuple(items), "personal", 9)


def test_nothing_speaks_against_a_good_version_measured_or_not() -> None:
    assert reasons_against(GOOD, LIMITS) == []
    assert reasons_against(replace(GOOD, lists=None, quality=None), LIMITS) == []


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (replace(GOOD, workers=0), "no worker of v2 is alive"),
        (
            replace(GOOD, behind=[Behind("folded", "user.interactions", 3, 83_000, 10_000)]),
            "v2 has not folded a record of user.interactions:3 that is 83 s old (limit 10 s)",
        ),
        (
            replace(GOOD, behind=[Behind("listed", "user.interactions", 1, None, 10_000)]),
            "v2 has listed nothing of user.interactions:1 yet",
        ),
        (replace(GOOD, failed_folds=1), "1 records ended workers of v2"),
        (
            lists({"u": personal("a"), "w": personal("a")}, {"u": personal("a")}),
            "50.0% of 2 sampled users have no list",
        ),
        (lists({"u": personal("a")}, {"u": personal("")}), "100.0% of the lists are empty"),
        (lists({"u": personal("a")}, {"u": StoredList(("a",), "popular", 9)}), "100.0% more lists are not personal"),
        (lists({"u": personal("abc")}, {"u": personal("xyz")}), "only 0.0% of the first 10 items"),
        (
            replace(GOOD, quality={"metric": "ndcg@10", "live": 0.2, "difference": -0.01, "low": -0.013}),
            "ndcg@10 differs from the live version's 0.2000 by -0.0100 and may by as much as -0.0130 (limit -0.0040)",
        ),
    ],
)
def test_each_fault_is_named(evidence: Evidence, reason: str) -> None:
    found = reasons_against(evidence, LIMITS)
    assert any(reason in said for said in found), found


def test_a_broken_ranker_is_not_hidden_by_good_lists_and_a_better_one_passes() -> None:
    worse = replace(GOOD, quality={"metric": "hr@10", "live": 0.2, "difference": -0.19, "low": -0.2})
    better = replace(GOOD, quality={"metric": "hr@10", "live": 0.2, "difference": 0.02, "low": 0.01})
    assert len(reasons_against(worse, LIMITS)) == 1
    assert reasons_against(better, LIMITS) == []
