"""Who may serve, and the exact reasons for those who may not."""

from dataclasses import replace

import pytest

from offline.versions.gate import Behind, Evidence, GateLimits, reasons_against
from offline.versions.list_diff import StoredList, compare
from offline.versions.quality import Difference, Quality

LIMITS = GateLimits()


def measured(candidate: float, low: float | None, *, events: int = 5_000, foreseen: int = 0) -> Quality:
    return Quality(events, foreseen, (Difference("ndcg@10", 0.2, candidate, low, 1.0),))


GOOD = Evidence(
    version="v2",
    workers=1,
    behind=[
        Behind("folded", "user.interactions", 3, 0, 10_000),
        Behind("listed", "user.interactions", 3, 9_999, 10_000),
    ],
    lists=compare(("v1", "v2"), {"u": StoredList(("a",), "personal", 9)}, {"u": StoredList(("a",), "personal", 9)}, {}),
    live="v1",
    quality=measured(0.201, -0.003),
    more_rejected=0.01,
)


def lists(a: dict[str, StoredList], b: dict[str, StoredList]) -> Evidence:
    return replace(GOOD, lists=compare(("v1", "v2"), a, b, {}))


def personal(items: str) -> StoredList:
    return StoredList(tuple(items), "personal", 9)


def test_nothing_speaks_against_a_good_version_measured_or_not() -> None:
    assert reasons_against(GOOD, LIMITS) == []
    assert reasons_against(replace(GOOD, live=None, lists=None, quality=None), LIMITS) == []
    assert reasons_against(replace(GOOD, more_rejected=None), LIMITS) == []


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
        (replace(GOOD, more_rejected=0.02), "2.0% more records cannot be used by v2 (limit 1%)"),
        (replace(GOOD, quality=None), "only 0 events were judged both by v1 and by it (at least 100)"),
        (replace(GOOD, quality=measured(0.2, 0.0, events=99)), "only 99 events were judged both by v1 and by it"),
        (replace(GOOD, quality=measured(0.2, None)), "the 5000 events that were judged are of too few users"),
        (
            replace(GOOD, quality=measured(0.193, -0.013)),
            "ndcg@10 is 0.1930 against 0.2000 of v1: may be lower by as much as 0.0130 (limit 0.0100)",
        ),
        (replace(GOOD, quality=measured(0.35, 0.11)), "higher by 0.1100 at least, as if it knew what it is judged by"),
        (replace(GOOD, quality=measured(0.2, 0.0, foreseen=3)), "3 of 5000 events were judged by items that knew"),
    ],
)
def test_each_fault_is_named(evidence: Evidence, reason: str) -> None:
    found = reasons_against(evidence, LIMITS)
    assert any(reason in said for said in found), found


def test_each_limit_is_where_it_is_said_to_be() -> None:
    assert reasons_against(replace(GOOD, quality=measured(0.193, -0.01)), LIMITS) == []
    assert reasons_against(replace(GOOD, quality=measured(0.31, 0.1)), LIMITS) == []
    stricter = replace(LIMITS, quality_margin=0.0)
    assert len(reasons_against(replace(GOOD, quality=measured(0.2, -0.001)), stricter)) == 1


def test_what_is_measured_at_zero_may_be_mended() -> None:
    nothing = Quality(5_000, 0, (Difference("ndcg@10", 0.0, 0.08, 0.07, 0.09),))
    assert reasons_against(replace(GOOD, quality=nothing), LIMITS) == []
