"""Deliberate mutants of operators' rules: what a block takes, what pins may show, whose lists are made again."""

from mutant import Mutant

MATCHED = ("tests/tables/test_operator_rules.py",)
LISTS = ("tests/ranking/test_operator_rules.py",)
RERANK = ("tests/ranking/rerank/test_operator_rules.py",)
KEEPER = ("tests/agents/lists/test_list_keeper.py",)
BOOK = ("tests/tables/test_rule_book.py",)
CHANGES = ("tests/ops/operator/rules/test_changes.py",)

RULES_FILE = "tables/operator_rules.py"

RULES = [
    Mutant(
        "a block that cannot be read in full takes nothing",
        "tables/rule_book.py",
        "RuleBook.apply",
        "(block := strictest_block(key, value)) is not None",
        "(block := strictest_block(key, value)) is None",
        BOOK,
    ),
    Mutant(
        "an item that changes keeps its rules",
        "tables/item_model.py",
        "ItemModel.apply_catalog",
        "self.rules.look_at(index)",
        "pass",
        MATCHED,
    ),
    Mutant(
        "a block that takes nothing before the item changes",
        RULES_FILE,
        "OperatorRules.follow",
        "self._catalog.block(index, self._blocked(index))",
        "pass",
        MATCHED,
    ),
    Mutant(
        "a pin brings in what a reader may not see",
        "ranking/shared_lists.py",
        "popular",
        "model.catalog.available(pinned, now_ms, age=age)",
        "pinned >= 0",
        LISTS,
    ),
    Mutant(
        "rules of one country for all",
        "ranking/rerank/user_rules.py",
        "UserRules.factors",
        "of == number",
        "of >= 0",
        RERANK,
    ),
    Mutant(
        "pins out of their slots",
        "ranking/kernels/slates.py",
        "place_pins",
        "at < slots[first + number] and taken < left",
        "at + 1 < slots[first + number] and taken < left",
        RERANK,
    ),
    Mutant(
        "lists kept when rules change",
        "agents/lists/list_keeper.py",
        "ListKeeper.sweep",
        "await self._follow_rules()",
        "pass",
        KEEPER,
    ),
    Mutant(
        "lists kept when a block ends",
        RULES_FILE,
        "Signature.is_outdated",
        "not self.blocks <= now.blocks",
        "False",
        KEEPER,
    ),
    Mutant(
        "a block that leaves nothing",
        "ops/operator/rules/matched_items.py",
        "matched_items",
        "left < min(was, MIN_LEFT)",
        "left < 0",
        CHANGES,
    ),
]
