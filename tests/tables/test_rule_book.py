"""What `freshet.rules` says, record by record."""

from contextlib import suppress

import pytest

from streams.contract.reasons import InvalidEvent
from streams.contract.rules import MAX_RULES, ItemMatch, OperatorRule
from tables.rule_book import RuleBook


def rule(name: str, **fields: object) -> OperatorRule:
    return OperatorRule(name, "block", ItemMatch(genre="War"), 1, **fields)  # type: ignore[arg-type]


def test_rules_are_in_force_in_their_windows_by_name() -> None:
    book = RuleBook()
    for one in (rule("b", from_ms=5), rule("a", until_ms=5), rule("c", from_ms=2, until_ms=8)):
        book.apply(*one.record())
    assert [[one.rule_id for one in book.in_force(at_ms)] for at_ms in (1, 4, 5, 9)] == [
        ["a"], ["a", "c"], ["b", "c"], ["b"],
    ]  # fmt: skip
    book.apply(b"b", None)
    assert [one.rule_id for one in book.in_force(9)] == []


def test_a_record_that_cannot_be_used_takes_the_rule_of_its_name_away() -> None:
    book = RuleBook([rule("a"), rule("b")])
    with pytest.raises(InvalidEvent):
        book.apply(b"a", b"nonsense")
    assert list(book.by_id) == ["b"]


@pytest.mark.parametrize(
    ("value", "blocks"),
    [
        (b'{"action":"block","match":{"genre":"War"},"countries":["Germany"],"changed_ms":1}', ItemMatch(genre="War")),
        (b'{"action":"block","match":{"genre":"War"},"from_ms":9,"until_ms":5,"changed_ms":1}', ItemMatch(genre="War")),
        (b'{"action":"block","match":{"genre":"War"},"devices":["tv"],"changed_ms":-1}', ItemMatch(genre="War")),
        (b'{"rule_id":"b","action":"block","match":{"items":["i1"],"genre":3}}', ItemMatch(items=("i1",))),
        (b'{"rule_id":"a","action":"block","match":{"items":["i1",7,"",null]}}', ItemMatch(items=("i1", "7"))),
        (b'{"rule_id":"a","action":"block","match":{"items":"i1"},"changed_ms":1}', ItemMatch(items=("i1",))),
        (
            b'{"rule_id":"a","action":"block","match":{"attributes":{"x":17,"y":"z"}},"changed_ms":1}',
            ItemMatch(attributes={"y": "z"}),
        ),
        (
            b'{"action":"block","match":{"genre":"War"},"from_ms":"now","until_ms":5,"changed_ms":1}',
            ItemMatch(genre="War"),
        ),
        (b'{"action":"block","match":{"genre":3},"changed_ms":1}', None),
        (b'{"action":"block","match":[],"changed_ms":1}', None),
        (b'{"action":"boost","match":{"genre":"War"},"factor":99,"changed_ms":1}', None),
        (b'{"action":"block","match":{"genre":"War"}', None),
    ],
)
def test_what_can_be_read_of_a_block_blocks(value: bytes, blocks: ItemMatch | None) -> None:
    before, later = RuleBook([rule("a")]), RuleBook()
    for book in (before, later):  # the second after the topic was compacted
        with pytest.raises(InvalidEvent):
            book.apply(b"a", value)
    assert before.by_id == later.by_id
    found = before.by_id.get("a")
    assert (found and found.match) == blocks
    assert found is None or (found.countries, found.devices, found.from_ms, found.until_ms) == ((), (), None, None)


def test_there_are_so_many_rules_and_no_more() -> None:
    book = RuleBook(rule(f"r{number}") for number in range(MAX_RULES))
    book.apply(*rule("r0", from_ms=5).record())
    with pytest.raises(InvalidEvent, match="remove one"):
        book.apply(*rule("s").record())
    assert "s" not in {one.rule_id for one in book.in_force(9)}
    assert len(book.in_force(9)) == MAX_RULES


def test_which_rules_count_does_not_depend_on_when_somebody_began_to_read() -> None:
    records = [*(rule(f"r{number}").record() for number in range(MAX_RULES)), rule("s").record(), (b"r0", None)]
    both = []
    for read in (records, records[1:-1]):  # the second after the topic was compacted
        book = RuleBook()
        for record in read:
            with suppress(InvalidEvent):
                book.apply(*record)
        both.append(book.in_force(9))
    assert both[0] == both[1]
    assert both[0][-1].rule_id == "s"
