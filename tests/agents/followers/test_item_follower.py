"""What the catalogue says is told to cards, and to lists what they follow from."""

import json
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.followers import recent_changes
from agents.followers.item_follower import ItemFollower
from streams.contract.rules import ItemMatch, OperatorRule
from streams.kafka.topics import Topics


def says(follower: ItemFollower, item_id: str, **raw: Any) -> None:
    value = json.dumps(raw).encode() if raw else None
    follower._apply_catalogue(ConsumerRecord("catalog.items", 0, 0, 1, 0, item_id.encode(), value, None, 0, 0, ()))


def test_another_title_changes_cards_and_no_list() -> None:
    follower = ItemFollower("nowhere:1", Topics("t", "v1"))
    says(follower, "a", title="A", genres=["Drama"])
    says(follower, "b", title="B", genres=["War"])
    lists, cards = follower.catalogue_version, follower.records_said
    says(follower, "a", title="Another", genres=["Drama"], description="It is the same film.")
    assert follower.changed_since(lists) == frozenset()
    assert follower.catalogue_version == lists
    assert follower.said_since(cards) == {"a"}
    says(follower, "b", title="B", genres=["Drama"])
    says(follower, "c", title="C")
    says(follower, "a")
    assert follower.changed_since(lists) == {"a", "b", "c"}
    assert follower.said_since(cards) == {"a", "b", "c"}


def test_what_a_block_takes_or_gives_back_is_told_to_cards_and_lists() -> None:
    follower = ItemFollower("nowhere:1", Topics("t", "v1"))
    says(follower, "a", title="A", genres=["Drama"])
    says(follower, "b", title="B", genres=["War"])
    block = OperatorRule("contract", "block", ItemMatch(genre="War"), 1)
    for rules, told in (([block], {"b"}), ([block], set()), ([], {"b"})):
        lists, cards = follower.catalogue_version, follower.records_said
        follower.follow_rules(rules)
        assert follower.changed_since(lists) == follower.said_since(cards) == told
    follower.follow_rules([OperatorRule("less", "bury", ItemMatch(genre="War"), 1, factor=0.5)])
    assert follower.catalogue_version == lists + 1, "it changes no item"
    follower.follow_rules([block])
    lists = follower.catalogue_version
    says(follower, "b", title="B", genres=["War"], year=1990)
    assert follower.changed_since(lists) == frozenset()
    assert not follower.model.catalog.is_listed(1)


def test_what_was_said_too_long_ago_may_be_anything(monkeypatch: Any) -> None:
    monkeypatch.setattr(recent_changes, "REMEMBERED_CHANGES", 2)
    follower = ItemFollower("nowhere:1", Topics("t", "v1"))
    for item_id in "abc":
        says(follower, item_id, title=item_id)
    assert follower.said_since(1) == follower.changed_since(1) == {"b", "c"}
    assert follower.said_since(0) is follower.changed_since(0) is None
