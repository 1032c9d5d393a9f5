"""Two versions over the same events: what is joined, what is counted, and how sure one may be."""

import numpy as np
import pytest

from offline.versions.quality import ByPartition, QualityDecision, hit_rate, more_rejected, paired
from ranking.outcomes import REJECTED, UNKNOWN_MS, Outcome, Outcomes, decode, encode

DAY_MS = 86_400_000


def outcome(offset: int, place: int, *, feature_cutoff_ms: int = UNKNOWN_MS) -> Outcome:
    return Outcome(offset, offset * 1000, feature_cutoff_ms, place, offset % 50)


def rows(*outcomes: Outcome) -> Outcomes:
    return decode(encode(list(outcomes)))


def many(places: dict[int, int]) -> ByPartition:
    return {0: rows(*(outcome(offset, place) for offset, place in places.items()))}


def test_events_are_joined_by_partition_and_offset() -> None:
    live = {0: rows(outcome(1, 0), outcome(2, 3), outcome(9, -1)), 1: rows(outcome(1, 0)), 2: rows(outcome(5, 0))}
    candidate = {0: rows(outcome(9, 0), outcome(2, 10), outcome(3, 5)), 1: rows(outcome(1, 1))}
    found = paired(live, candidate)
    assert found is not None
    assert found.events == 3
    ndcg, hits = found.differences
    assert (hits.live, hits.candidate) == pytest.approx((2 / 3, 2 / 3))
    assert ndcg.live == pytest.approx((1 / np.log2(5) + 0 + 1) / 3)
    assert ndcg.candidate == pytest.approx((0 + 1 + 1 / np.log2(3)) / 3)
    assert ndcg.difference == ndcg.candidate - ndcg.live


def test_without_a_common_event_there_is_nothing_to_say() -> None:
    assert paired({}, {}) is None
    assert paired(many({1: 0}), many({2: 0})) is None
    assert paired({0: rows(outcome(1, 0))}, {1: rows(outcome(1, 0))}) is None


def test_pairs_are_surer_than_two_means() -> None:
    chance = np.random.default_rng(3)
    places = {offset: int(chance.integers(-1, 60)) for offset in range(4_000)}
    better = {offset: 0 if offset % 41 == 0 else place for offset, place in places.items()}
    found = paired(many(places), many(better))
    assert found is not None
    for difference in found.differences:
        assert difference.low is not None
        assert difference.high is not None
        assert 0 < difference.low < difference.difference < difference.high < 0.03
    same = paired(many(places), many(places))
    assert same is not None
    assert (same.differences[0].low, same.differences[0].high) == (0.0, 0.0)


def test_one_user_is_no_interval() -> None:
    found = paired(many({1: 0, 51: 1}), many({1: 3, 51: 2}))  # one group
    assert found is not None
    assert found.differences[0].low is None


def test_knowledge_of_the_future_is_counted() -> None:
    live = {0: rows(*(outcome(offset, 0) for offset in range(4)))}
    told = [UNKNOWN_MS, 1_000, 2_000, 3_001]
    candidate = {0: rows(*(outcome(offset, 0, feature_cutoff_ms=told[offset]) for offset in range(4)))}
    found = paired(live, candidate)
    assert found is not None
    assert found.foreseen == 1
    assert found.as_dict("v1")["foreseen"] == 1


def test_what_items_knew_too_little_for_does_not_count() -> None:
    hour_ms = 3_600_000

    def at(offset: int, event_ms: int, older_ms: int) -> Outcome:
        return Outcome(offset, event_ms, event_ms - older_ms, 0, offset)

    begin, day = at(0, 0, 0), 86_400_000
    enough = [at(1, 100_000, 2_000), at(2, 30 * day, hour_ms)]
    too_little = [at(3, 100_000, 2_001), at(4, 30 * day, hour_ms + 1)]
    candidate = {0: rows(begin, *enough, *too_little)}
    live = {0: rows(*(Outcome(offset, 0, UNKNOWN_MS, 0, offset) for offset in range(5)))}
    found = paired(live, candidate)
    assert found is not None
    assert (found.events, found.stale, found.foreseen) == (3, 2, 0)
    assert hit_rate(candidate) == (1.0, 3)
    assert paired(live, {0: rows(*too_little)}) is None


def test_periods_follow_event_time_and_hold_every_event() -> None:
    found = paired(many(dict.fromkeys(range(1_000), 0)), many(dict.fromkeys(range(1_000), 12)))
    assert found is not None
    assert sum(period.events for period in found.periods) == found.events
    begins = [period.begin_ms for period in found.periods]
    assert begins == sorted(begins)
    assert {(period.live, period.candidate) for period in found.periods} == {(1.0, 0.0)}


def test_the_figures_are_plain_values() -> None:
    found = paired(many({1: 0, 2: 3}), many({1: 0, 2: -1}))
    assert found is not None
    said = found.as_dict("v1")
    assert (said["against"], said["events"], said["metric"], said["candidate"]) == ("v1", 2, "ndcg@10", 0.5)
    assert [other["metric"] for other in said["others"]] == ["hr@10"]


def test_rejected_records_are_counted_where_both_have_read() -> None:
    live = {0: rows(outcome(10, 0), outcome(12, REJECTED), outcome(109, 0)), 1: rows(outcome(0, 0))}
    candidate = {
        0: rows(outcome(5, REJECTED), *(outcome(n, REJECTED) for n in (12, 20, 20, 30)), outcome(200, REJECTED)),
        2: rows(outcome(0, REJECTED)),
    }
    assert more_rejected(live, candidate) == pytest.approx(2 / 100)
    assert more_rejected(candidate, live) == pytest.approx(-2 / 100)
    assert more_rejected({}, candidate) is None
    assert paired(live, {0: rows(outcome(12, 0))}) is None  # not evaluated by the first
    assert hit_rate(live) == (1.0, 3)


def test_the_rate_of_one_version_is_over_all_that_it_evaluated() -> None:
    assert hit_rate({0: rows(outcome(1, 0), outcome(2, -1)), 1: rows(outcome(1, 9), outcome(2, 10))}) == (0.5, 4)
    assert hit_rate({}) is None


def test_what_is_decided_changes_only_at_certain_numbers_of_events() -> None:
    """Whatever comes in between: later events are left out of it."""
    chance = np.random.default_rng(3)
    live = {offset: int(chance.integers(-1, 60)) for offset in range(450)}
    candidate = {offset: int(chance.integers(-1, 60)) for offset in range(450)}

    def decision(events: int) -> QualityDecision | None:
        found = paired(*(many({offset: each[offset] for offset in range(events)}) for each in (live, candidate)))
        assert found is not None
        return found.decision

    assert decision(99) is None
    sizes = (100, 149, 150, 199, 200, 299, 300, 450)
    decided = [found.events for events in sizes if (found := decision(events))]
    assert decided == [100, 100, 150, 150, 200, 200, 300, 400]
    assert decision(200) == decision(299) != decision(300) == decision(399)
    whole = paired(many(live), many(candidate))
    assert whole is not None
    assert whole.decision is not None
    assert whole.decision.found != whole.differences[0]
    assert whole.as_dict("v1")["decision"]["events"] == 400
