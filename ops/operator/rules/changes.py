"""Adds and removes rules of operators, one writer at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from agents.followers.refusals import read_usable
from ops.exit_codes import CommandFailed
from ops.operator.inspect.running import NotThere
from ops.operator.rules.matched_items import MIN_LEFT, MatchedItems, matched_items, read_catalogue
from ops.operator_name import operator_name
from streams.contract.rules import MAX_PINS, MAX_RULES, OperatorRule
from streams.kafka.exclusive_change import Change, change_topic
from streams.kafka.topics import Topics
from tables.rule_book import RuleBook


class RuleRefused(CommandFailed):
    """The rules stay as they are; the message says why."""


async def read_rules(bootstrap: str, topics: Topics) -> RuleBook:
    """The rules as of now; records that cannot be used are passed over, and said. Raises `TopicMissing`."""
    book = RuleBook()
    await read_usable(bootstrap, [topics.rules], lambda record: book.apply(record.key, record.value))
    return book


def found_in(book: RuleBook, rule_id: str) -> OperatorRule:
    """A rule by its id. Raises `NotThere`."""
    if rule_id not in book.by_id:
        raise NotThere(f"there is no rule {rule_id!r}: `freshet rule list` names them")
    return book.by_id[rule_id]


async def add_rule(
    bootstrap: str, topics: Topics, rule: OperatorRule, *, replace: bool, force: bool
) -> tuple[OperatorRule, MatchedItems]:
    """Records a rule; returns it and the items that it is about now. Raises `RuleRefused` when there is one of the name
    that it does not `replace`, one too many, or when a block leaves too few items and nobody says `force`."""
    catalogue = await read_catalogue(bootstrap, topics)
    now_ms = time.time_ns() // 1_000_000
    book = await read_rules(bootstrap, topics)
    matched = matched_items(catalogue, rule, book.by_id.values(), now_ms)
    if rule.action == "block" and matched.too_few and not force:
        raise RuleRefused(f"{rule.rule_id} is not added: {_told(matched)}; --force adds it all the same")

    def decide(found: RuleBook) -> list[Change]:
        if reason := reason_against(rule, found, replace=replace):
            raise RuleRefused(f"{rule.rule_id} is not added: {reason}")
        before = found.by_id.get(rule.rule_id)
        changed_ms = max(time.time_ns() // 1_000_000, 0 if before is None else before.changed_ms + 1)
        return [msgspec.structs.replace(rule, changed_ms=changed_ms, who=operator_name()).record()]

    added = await _change(bootstrap, topics, decide)
    return added.by_id[rule.rule_id], matched


async def remove_rule(bootstrap: str, topics: Topics, rule_id: str) -> None:
    """Takes a rule away. Raises `NotThere`."""

    def decide(found: RuleBook) -> list[Change]:
        found_in(found, rule_id)
        return [(rule_id.encode(), None)]

    await _change(bootstrap, topics, decide)


def reason_against(rule: OperatorRule, book: RuleBook, *, replace: bool) -> str | None:
    """Why a rule may not stand beside those that there are; None when it may."""
    if rule.rule_id in book.by_id and not replace:
        return "there is a rule of that name: --replace puts this one in its place, in one step"
    others = [other for name, other in book.by_id.items() if name != rule.rule_id]
    if len(others) >= MAX_RULES:
        return f"there are {MAX_RULES} rules already: remove one first"
    if rule.action == "pin":
        beside = [other for other in others if other.action == "pin" and other.overlaps(rule)]
        items = {item for one in (rule, *beside) for item in one.match.items}
        if len(items) > MAX_PINS:
            names = ", ".join(other.rule_id for other in beside)
            return f"with {names} some list would have {len(items)} pins, and {MAX_PINS} is the most"
    return None


async def _change(bootstrap: str, topics: Topics, decide: Callable[[RuleBook], Sequence[Change]]) -> RuleBook:
    book, changes = await change_topic(bootstrap, topics.rules, lambda: read_rules(bootstrap, topics), decide)
    for key, value in changes:
        book.apply(key, value)
    return book


def _told(matched: MatchedItems) -> str:
    country, maturity, before, left = matched.too_few[0]
    who = f"readers up to {maturity}" + (f" in {country}" if country else "")
    return f"of {before} items it would leave {who} {left}, and {MIN_LEFT} is the least"
