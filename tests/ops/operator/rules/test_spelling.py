"""A rule as people type it."""

from typing import Any

import pytest

from ops.operator.rules.spelling import NotARule, parse_attributes, parse_moment, rule_of
from streams.contract.rules import ItemMatch, OperatorRule

NOTHING: dict[str, Any] = {"items": None, "genre": "", "item_type": "", "attributes": {}}


def told(action: str = "block", **fields: Any) -> dict[str, Any]:
    match = {**NOTHING, "genre": "War", **fields.pop("match", {})}
    return {"rule_id": "r", "action": action, "match": match, "countries": [], "lists": "all", "about": "", **fields}


def test_what_is_not_given_is_not_there() -> None:
    assert rule_of(told()) == OperatorRule("r", "block", ItemMatch(genre="War"), 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (told("hide"), "a rule's action is one of pin, boost, bury, block, and not 'hide'"),
        (told(lists="some"), "--lists is one of all, personal, shared"),
        (told(match={"genre": ""}), "match names no item"),
        (told("pin", position=3), "a pin names items"),
        (told("boost"), "a boost needs a factor"),
        (told(rule_id="No Name"), "rule_id must be"),
        (told(from_ms=5, until_ms=5), "the window is empty"),
        (told(countries=["UK"]), "--country UK: no country of ISO 3166"),
    ],
)
def test_what_is_no_rule_is_told(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(NotARule) as refused:
        rule_of(fields)
    assert message in str(refused.value)


@pytest.mark.parametrize("texts", [["mood"], ["=sad"], ["mood="], ["a=1", "a=2"]])
def test_what_is_no_attribute_is_told(texts: list[str]) -> None:
    with pytest.raises(NotARule, match="--attribute"):
        parse_attributes(texts)


def test_what_is_no_time_is_told() -> None:
    with pytest.raises(NotARule, match="--until 'soon': expected a day"):
        parse_moment("--until", "soon")
