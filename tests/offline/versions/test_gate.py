"""Who may serve, and the exact reasons for those who may not."""

from dataclasses import replace

import pytest

from offline.versions.gate import Behind, GateLimits, PromotionEvidence, reasons_against
from offline.versions.list_diff import StoredList, compare
from offline.versions.quality import MetricDifference, Quality, QualityDecision
from offline.versions.verdict import QualityLimits, only_undecided

LIMITS = GateLimits()


def difference(candidate: float, low: float | None, high: float = 1.0) -> MetricDifference:
    return MetricDifference("ndcg@10", 0.2, candidate, low, high)


def measured(
    candidate: float, low: float | None, *, high: float = 1.0, foreseen: int = 0, of_all: MetricDifference | None = None
) -> Quality:
    """Decided at 3,200 of 4,000 events, over all of which things are the same, or `of_all`."""
    decided = difference(candidate, low, high)
    return Quality(4_000, foreseen, (of_all or decided,), decision=QualityDecision(3_200, decided))


GOOD = PromotionEvidence(
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


def lists(a: dict[str, StoredList], b: dict[str, StoredList]) -> PromotionEvidence:
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
        (
            replace(GOOD, quality=None),
            "undecided: 0 events were evaluated both under v1 and by it, 100 more are needed",
        ),
        (
            replace(GOOD, quality=Quality(99, 0, (difference(0.2, 0.0),))),
            "undecided: 99 events were evaluated both under v1 and by it, 1 more are needed",
        ),
        (
            replace(GOOD, quality=measured(0.2, None)),
            "undecided: the 4,000 events that were evaluated are of too few users",
        ),
        (
            replace(GOOD, quality=measured(0.198, -0.03)),
            "undecided: ndcg@10 of 3,200 events is 0.1980 against 0.2000 of v1, and may be lower by as much as 0.0300 "
            "(limit 0.0100); decided again at 4,800 events, 800 more, and some 25,600 will do if it is as good",
        ),
        (
            replace(GOOD, quality=measured(0.189, -0.034)),
            "decided again at 4,800 events, 800 more. Its mean is beyond the limit: it is more likely to be worse",
        ),
        (
            replace(GOOD, quality=measured(0.15, -0.08, high=-0.011)),
            "ndcg@10 of 4,000 events is 0.1500 against 0.2000 of v1: lower by 0.0110 at least (limit 0.0100)",
        ),
        (
            replace(GOOD, quality=measured(0.2, 0.0, of_all=difference(0.189, -0.02))),
            "lower by more than the limit (0.0100), though it was not at first",
        ),
        (
            replace(GOOD, quality=measured(0.35, 0.11)),
            "higher by 0.1100 at least, as if it knew what it is evaluated by",
        ),
        (replace(GOOD, quality=measured(0.2, 0.0, foreseen=3)), "3 of 4000 events were evaluated with items that knew"),
    ],
)
def test_each_fault_is_named(evidence: PromotionEvidence, reason: str) -> None:
    found = reasons_against(evidence, LIMITS)
    assert any(reason in said for said in found), found


def test_each_limit_is_where_it_is_said_to_be() -> None:
    assert reasons_against(replace(GOOD, quality=measured(0.193, -0.01)), LIMITS) == []
    assert reasons_against(replace(GOOD, quality=measured(0.31, 0.1)), LIMITS) == []
    stricter = replace(LIMITS, quality=QualityLimits(margin=0.0))
    assert len(reasons_against(replace(GOOD, quality=measured(0.2, -0.001)), stricter)) == 1


def test_what_is_measured_at_zero_may_be_mended() -> None:
    found = MetricDifference("ndcg@10", 0.0, 0.08, 0.07, 0.09)
    nothing = Quality(5_000, 0, (found,), decision=QualityDecision(3_200, found))
    assert reasons_against(replace(GOOD, quality=nothing), LIMITS) == []


def test_between_two_decisions_more_events_open_nothing() -> None:
    """Over all events the interval is within the margin just now; by what is decided it was not."""
    lucky = measured(0.198, -0.02, of_all=difference(0.2, -0.001))
    reasons = reasons_against(replace(GOOD, quality=lucky), LIMITS)
    assert only_undecided(reasons)
    assert not only_undecided([*reasons, "no worker of v2 is alive"])
