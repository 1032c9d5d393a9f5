"""Every recipe for garbage gives what the parser refuses, for the reason given."""

import numpy as np
import pytest

from offline.simulator.malformed import RECIPES, malform
from streams.contract.events import InvalidEvent, Reason, parse_interaction

NOW_MS = 1_700_000_000_000
CLICK = {"event_id": "e", "event_type": "click", "user_id": "u", "item_id": "i", "timestamp": NOW_MS}


@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_each_recipe(number: int) -> None:
    reason, recipe = RECIPES[number]
    with pytest.raises(InvalidEvent) as caught:
        parse_interaction(recipe(CLICK), NOW_MS)
    assert caught.value.reason is reason


def test_there_is_a_recipe_for_every_reason_of_the_parser() -> None:
    decided_elsewhere = {
        Reason.KEY_MISMATCH,
        Reason.WRONG_PARTITION,
        Reason.TOO_OLD,
        Reason.FOLD_FAILED,
        Reason.ERASED,
        Reason.DAMAGED,  # the record's bytes and headers, before the parser: streams/kafka/record_guard.py
        Reason.BAD_HEADER,
        Reason.LIST_FAILED,  # of a record that workers took, and no list can be made with
        Reason.SELF_LINK,  # of links of guests: agents/followers/links.py
        Reason.ALREADY_LINKED,
        Reason.LINK_CHAIN,
        Reason.STORE_REFUSED,  # by ClickHouse or Cassandra, of a record that workers took
    }
    assert {reason for reason, _ in RECIPES} == set(Reason) - decided_elsewhere


def test_all_recipes_are_used() -> None:
    random = np.random.default_rng(1)
    assert {malform(CLICK, random)[1] for _ in range(1000)} == {recipe(CLICK) for _, recipe in RECIPES}
