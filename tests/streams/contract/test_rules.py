"""Records of `freshet.rules`: what is a rule, and what is said of one that is none."""

from typing import Any

import msgspec
import pytest

from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.rules import ItemMatch, OperatorRule, parse_rule

PIN = {"action": "pin", "match": {"items": ["a", "b"]}, "position": 3}
BOOST = {"action": "boost", "match": {"genre": "War"}, "factor": 2}
BURY = {"action": "bury", "match": {"item_type": "short"}, "factor": 0.5}
BLOCK = {"action": "block", "match": {"attributes": {"studio": "A"}}}


def parsed(kind: dict[str, Any], key: bytes = b"r", **fields: Any) -> OperatorRule:
    return parse_rule(key, msgspec.json.encode({"rule_id": "r", "changed_ms": 1, **kind, **fields}))


@pytest.mark.parametrize("kind", [PIN, BOOST, BURY, BLOCK])
def test_a_rule_comes_back_as_it_was_written(kind: dict[str, Any]) -> None:
    rule = parsed(kind, countries=["DE"], from_ms=5, until_ms=9, about="Why.")
    assert parse_rule(*rule.record()) == rule
    assert [rule.holds_at(at_ms) for at_ms in (4, 5, 8, 9)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("kind", "fields", "reason", "detail"),
    [
        (BOOST, {"mood": "sad"}, Reason.OUT_OF_RANGE, "unknown field `mood`"),
        (BOOST, {"match": {"mood": "sad"}}, Reason.OUT_OF_RANGE, "unknown field `mood`"),
        (BOOST, {"action": "hide"}, Reason.OUT_OF_RANGE, "'hide'"),
        (BOOST, {"rule_id": "R!"}, Reason.KEY_MISMATCH, "R!"),
        (BOOST, {"match": {}}, Reason.OUT_OF_RANGE, "match names no item"),
        (BOOST, {"factor": 1}, Reason.OUT_OF_RANGE, "above 1 and at most 10, and is 1"),
        (BOOST, {"factor": 10.5}, Reason.OUT_OF_RANGE, "and is 10.5"),
        (BOOST, {"factor": None}, Reason.OUT_OF_RANGE, "a boost needs a factor"),
        (BURY, {"factor": 0.05}, Reason.OUT_OF_RANGE, "at least 0.1 and below 1, and is 0.05"),
        (BURY, {"factor": 1}, Reason.OUT_OF_RANGE, "and is 1"),
        (BLOCK, {"factor": 0.5}, Reason.OUT_OF_RANGE, "a block has no factor"),
        (BURY, {"position": 1}, Reason.OUT_OF_RANGE, "a bury has no position"),
        (PIN, {"position": None}, Reason.OUT_OF_RANGE, "a pin needs a position"),
        (PIN, {"position": 0}, Reason.OUT_OF_RANGE, "must be 1-19, and is 0"),
        (PIN, {"position": 20}, Reason.OUT_OF_RANGE, "must be 1-19, and is 20"),
        (PIN, {"match": {"genre": "War"}}, Reason.OUT_OF_RANGE, "a pin names items"),
        (PIN, {"match": {"items": list("abcdefghijk")}}, Reason.OUT_OF_RANGE, "1-10 different items, and this one 11"),
        (PIN, {"match": {"items": ["a", "a"]}}, Reason.OUT_OF_RANGE, "different items"),
        (BLOCK, {"from_ms": 9, "until_ms": 9}, Reason.OUT_OF_RANGE, "the window is empty"),
        (BLOCK, {"until_ms": 9007199254740993000}, Reason.OUT_OF_RANGE, "until_ms"),
        (BLOCK, {"changed_ms": 10**18}, Reason.OUT_OF_RANGE, "changed_ms"),
        (BLOCK, {"countries": ["de"]}, Reason.OUT_OF_RANGE, "two upper-case letters"),
        (BLOCK, {"devices": ["tv"]}, Reason.OUT_OF_RANGE, "a block by device is not supported"),
        (BLOCK, {"lists": "shared"}, Reason.OUT_OF_RANGE, "a block holds on every list"),
        (BOOST, {"devices": ["tv"]}, Reason.OUT_OF_RANGE, "supported for personal lists only"),
        (BOOST, {"devices": ["TV"], "lists": "personal"}, Reason.OUT_OF_RANGE, "in lower case"),
    ],
)
def test_what_is_no_rule_is_told_what_is_wrong(
    kind: dict[str, Any], fields: dict[str, Any], reason: Reason, detail: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parsed(kind, **fields)
    assert detail in refused.value.detail
    assert refused.value.reason is reason


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidEvent, match="changed_ms"):
        parse_rule(b"r", b'{"rule_id":"r","action":"block","match":{"genre":"War"}}')


def test_whom_a_rule_is_about() -> None:
    everybody, german, tv = (
        parsed(BLOCK),
        parsed(BOOST, countries=["DE"]),
        parsed(BOOST, devices=["tv"], lists="personal"),
    )
    assert everybody.is_about("", "", "shared")
    assert [german.is_about(country, "", "shared") for country in ("DE", "FR", "")] == [True, False, False]
    assert [tv.is_about("", *of) for of in (("TV", "personal"), ("phone", "personal"), ("tv", "shared"))] == [  # type: ignore[arg-type]
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({"until_ms": 5}, {"from_ms": 5}, False),
        ({"until_ms": 6}, {"from_ms": 5}, True),
        ({"countries": ("DE",)}, {"countries": ("FR",)}, False),
        ({"countries": ("DE",)}, {}, True),
        ({"lists": "personal"}, {"lists": "shared"}, False),
        ({"lists": "personal", "devices": ("tv",)}, {"lists": "personal", "devices": ("phone",)}, False),
        ({"lists": "personal"}, {}, True),
    ],
)
def test_which_rules_may_meet_on_a_list(one: dict[str, Any], other: dict[str, Any], overlap: bool) -> None:
    rules = [
        OperatorRule(name, "boost", ItemMatch(genre="War"), 0, 2.0, **of) for name, of in (("a", one), ("b", other))
    ]
    assert rules[0].overlaps(rules[1]) == rules[1].overlaps(rules[0]) == overlap
