"""A bounded number of units a second, in equal shares for those who ask."""

from agents.lists.rate_budget import FORGOTTEN_MS, KEPT_MS, RateBudget


def spent(allowance: RateBudget, who: str, now_ms: int) -> int:
    left = allowance.left(who, now_ms)
    allowance.spend(who, left)
    return left


def test_nothing_is_left_at_first_then_a_seconds_worth_and_no_more() -> None:
    allowance = RateBudget(per_s=10)
    assert [spent(allowance, "a", now_ms) for now_ms in (0, 250, 500, 1_500, 60_000)] == [0, 2, 3, 10, 10]


def test_whoever_ticks_right_after_another_gets_as_much() -> None:
    allowance = RateBudget(per_s=100)
    done = {"a": 0, "b": 0}
    for tick in range(101):
        for who, late_ms in (("a", 0), ("b", 10)):
            done[who] += spent(allowance, who, tick * 200 + late_ms)
    assert 1_900 <= done["a"] + done["b"] <= 2_100
    assert abs(done["a"] - done["b"]) <= 30


def test_who_asks_no_more_takes_no_share() -> None:
    allowance = RateBudget(per_s=10)
    for who in "ab":
        allowance.left(who, 0)
    assert spent(allowance, "a", KEPT_MS) == 5
    assert spent(allowance, "a", KEPT_MS + FORGOTTEN_MS) == 10


def test_a_clock_that_is_set_back_grants_nothing_and_stops_nothing() -> None:
    allowance = RateBudget(per_s=10)
    allowance.left("a", 100_000)
    assert spent(allowance, "a", 50_000) == 0
    assert spent(allowance, "a", 50_500) == 5
