"""Rules begin and end by the clock, and as their topic says."""

from agents.followers.item_follower import ItemFollower
from agents.lists.rule_clock import RuleClock
from streams.contract.rules import ItemMatch, OperatorRule
from streams.kafka.topics import Topics
from tables.rule_book import RuleBook


def test_a_window_opens_and_closes_without_a_record() -> None:
    book, items, now_ms = RuleBook(), ItemFollower("nowhere:1", Topics("t", "v1")), 0
    clock = RuleClock(book, items, lambda: now_ms)
    book.apply(*OperatorRule("season", "boost", ItemMatch(genre="War"), 1, 2.0, from_ms=5, until_ms=8).record())
    in_force = []
    for now_ms in (4, 5, 7, 8):  # noqa: B007  the clock reads it
        clock.tick()
        in_force.append([rule.rule_id for rule in items.model.rules.in_force])
    assert in_force == [[], ["season"], ["season"], []]
