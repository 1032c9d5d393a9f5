"""How two versions' lists differ."""

import random

import pytest

from offline.versions.list_diff import StoredList, compare, overlap_at, rank_biased_overlap


def stored(items: str, source: str = "personal") -> StoredList:
    return StoredList(tuple(items), source, 10 * len(items))


def by_definition(a: str, b: str, p: float) -> float:
    """RBO of two equally long rankings, extrapolated: equation 23 of Webber et al., by sets at every depth."""
    depth = len(a)
    agreements = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, depth + 1)]
    return agreements[-1] * p**depth + (1 - p) / p * sum(x * p**d for d, x in enumerate(agreements, 1))


def test_rank_biased_overlap_is_that_of_its_definition() -> None:
    letters = list("abcdefghijklmnop")
    chance = random.Random(7)
    for p in (0.5, 0.9, 0.98):
        a, b = ("".join(chance.sample(letters, 9)) for _ in range(2))
        assert rank_biased_overlap(a, b, p) == pytest.approx(by_definition(a, b, p))


def test_rank_biased_overlap_is_symmetric_bounded_and_sees_the_top_first() -> None:
    assert rank_biased_overlap("abcd", "ab") == pytest.approx(rank_biased_overlap("ab", "abcd"))
    assert rank_biased_overlap("abcdefghij", "abc") == pytest.approx(1.0)  # nothing speaks against agreement
    assert rank_biased_overlap("abcd", "badc") > rank_biased_overlap("abcd", "dcba") > 0
    assert rank_biased_overlap("", "") == 1.0
    assert rank_biased_overlap("", "a") == 0.0


def test_overlap_counts_places_not_order() -> None:
    assert overlap_at("abcdef", "fedcba", 3) == 0
    assert overlap_at("abc", "cab", 10) == 1
    assert overlap_at("abcd", "ab", 10) == 0.5
    assert overlap_at("", "", 10) == 1


def test_the_sum_of_two_versions() -> None:
    a = {"u1": stored("abc"), "u2": stored("abd"), "u3": stored("xyz"), "u4": stored("a")}
    b = {"u1": stored("abc"), "u2": stored("ebd", "popular"), "u3": stored("")}
    diff = compare(("v1", "v2"), a, b, {"a": ["Drama"], "b": ["Drama", "War"]}, depth=3)
    assert (diff.users, diff.compared, diff.missing_share) == (4, 3, 0.25)
    assert diff.overlaps == pytest.approx((1.0, 2 / 3, 0.0))
    assert diff.overlap == pytest.approx(5 / 9)
    assert (diff.a.fallback_share, diff.b.fallback_share) == pytest.approx((0.0, 1 / 3))
    assert diff.b.empty_share == pytest.approx(1 / 3)
    assert (diff.a.coverage, diff.b.coverage) == (7, 5)
    assert diff.b.genres == pytest.approx({"Drama": 2 / 6, "War": 1 / 6, "none": 3 / 6})
    moved = {mover.item_id: (mover.a, mover.b) for mover in diff.movers}
    assert moved == {"a": (2, 1), "e": (0, 1), "x": (1, 0), "y": (1, 0), "z": (1, 0)}
    assert diff.summary()["overlap_at_3"] == 0.5556


def test_versions_without_a_common_user_compare_to_nothing() -> None:
    diff = compare(("v1", "v2"), {"u1": stored("a")}, {}, {})
    assert (diff.compared, diff.missing_share, diff.overlap) == (0, 1.0, 0.0)
    assert compare(("v1", "v2"), {}, {}, {}).missing_share == 0.0
