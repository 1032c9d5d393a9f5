"""What a rule would leave, and which rules may stand beside each other."""

from typing import Any

import pytest

from ops.operator.rules.changes import reason_against
from ops.operator.rules.matched_items import matched_items
from streams.contract.catalog import CatalogItem
from streams.contract.rules import MAX_RULES, ItemMatch, OperatorRule
from tables.item_model import ItemModel
from tables.rule_book import RuleBook

NOW_MS = 1_000


def rule(name: str, action: Any, match: ItemMatch, **fields: Any) -> OperatorRule:
    return OperatorRule(name, action, match, 1, **fields)


@pytest.fixture
def catalogue() -> ItemModel:
    """25 films for all, of which 10 are Drama, and 60 for grown-ups; 21 of them may be shown in Germany alone."""
    model = ItemModel()
    for number in range(85):
        item = CatalogItem(
            f"i{number}",
            genres=("Drama",) if number < 10 else ("War",),
            maturity="all" if number < 25 else "18",
            regions=("DE",) if number >= 64 else (),
        )
        model.apply_catalog(item.item_id, item)
    return model


@pytest.mark.parametrize(
    ("block", "others", "too_few"),
    [
        (rule("r", "block", ItemMatch(items=("i0", "i1"))), (), set()),
        (
            rule("r", "block", ItemMatch(genre="drama")),
            (),
            {("", "all", 25, 15), ("", "12", 25, 15), ("", "16", 25, 15)},
        ),
        (
            rule("r", "block", ItemMatch(genre="drama"), countries=("FR",)),
            (),
            {("FR", "all", 25, 15), ("", "all", 25, 15)},
        ),
        (
            rule("r", "block", ItemMatch(genre="war")),
            (),
            {("DE", "18", 85, 10), ("DE", "all", 25, 10), ("", "18", 64, 10)},
        ),
        (
            rule("r", "block", ItemMatch(genre="war"), countries=("FR",)),  # nobody is left anything where nobody knows
            [rule("s", "block", ItemMatch(genre="drama"), countries=("AT",))],
            {("FR", "18", 64, 10), ("", "18", 54, 0)},
        ),
        (
            rule("r", "block", ItemMatch(genre="war"), countries=("DE",)),
            (),
            {("DE", "18", 85, 10), ("DE", "all", 25, 10)},
        ),
        (
            rule("r", "block", ItemMatch(items=("i24",))),
            [rule("s", "block", ItemMatch(items=("i20", "i21", "i22", "i23", "i19")), from_ms=2_000)],
            set(),
        ),
        (
            rule("r", "block", ItemMatch(items=("i24",)), from_ms=2_000),
            [rule("s", "block", ItemMatch(items=("i20", "i21", "i22", "i23", "i19")), from_ms=2_000)],
            {("", "all", 20, 19)},
        ),
        (
            rule("r", "block", ItemMatch(items=("i24",))),
            [rule("r", "block", ItemMatch(genre="drama"))],  # which this one replaces
            set(),
        ),
    ],
)
def test_whom_a_block_leaves_too_few(
    catalogue: ItemModel, block: OperatorRule, others: Any, too_few: set[tuple[str, str, int, int]]
) -> None:
    found = matched_items(catalogue, block, others, NOW_MS)
    assert too_few <= set(found.too_few)
    assert bool(too_few) == bool(found.too_few)


def test_items_that_are_few_already_hold_nobody_back(catalogue: ItemModel) -> None:
    found = matched_items(catalogue, rule("r", "block", ItemMatch(items=("i80",))), (), NOW_MS)
    assert (found.count, found.too_few) == (1, [])


def test_which_rules_are_refused_beside_others() -> None:
    pins = rule("front", "pin", ItemMatch(items=tuple("abcdef")), position=1, countries=("DE",))
    book = RuleBook([pins])
    five = rule("more", "pin", ItemMatch(items=tuple("ghijk")), position=7)
    reason = reason_against(five, book, replace=False)
    assert reason is not None
    assert "with front some list would have 11 pins" in reason
    for fits in (
        rule("more", "pin", ItemMatch(items=tuple("fghij")), position=7),
        rule("more", "pin", ItemMatch(items=tuple("ghijk")), position=7, countries=("FR",)),
        rule("more", "boost", ItemMatch(genre="War"), factor=2.0),
    ):
        assert reason_against(fits, book, replace=False) is None
    again = rule("front", "pin", ItemMatch(items=tuple("abcdefghij")), position=1)
    assert reason_against(again, book, replace=True) is None
    assert "there is a rule of that name" in str(reason_against(again, book, replace=False))
    full = RuleBook(rule(f"r{number}", "block", ItemMatch(genre="War")) for number in range(MAX_RULES))
    assert "remove one first" in str(reason_against(pins, full, replace=False))
