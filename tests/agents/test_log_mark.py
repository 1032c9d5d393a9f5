"""What a position says of the logs it is in; positions of former releases say nothing and are read as ever."""

import struct

from agents.delivery.log_mark import UNKNOWN, LogMark
from agents.delivery.table import POSITION_KEY, ChangelogTable

MARK = LogMark("source-id", "changelog-id", "orders-id", 7)


def restored(value: bytes, headers: list[tuple[str, bytes]]) -> ChangelogTable:
    table = ChangelogTable("rows", 0)
    table.load(POSITION_KEY, value, headers)
    return table


def test_a_position_keeps_its_mark_and_a_claim_too() -> None:
    table = ChangelogTable("rows", 0, mark=MARK)
    table.next_offset = 12
    for record in (table.outgoing([], 12)[-1], table.claim(3)[-1]):
        again = restored(record.value or b"", list(record.headers))
        assert (again.next_offset, again.mark) == (12, MARK)


def test_positions_of_former_releases_are_of_unknown_logs() -> None:
    for value in (struct.pack(">q", 400), struct.pack(">qq", 400, 2)):
        table = restored(value, [])
        assert (table.next_offset, table.mark) == (400, UNKNOWN)
    assert ChangelogTable("rows", 0).outgoing([], 400)[-1].headers == [], "and nothing is written of what is not known"


def test_what_a_later_release_adds_is_passed_over() -> None:
    ((name, value),) = MARK.headers()
    later = value[:-1] + b',"cluster":"x"}'
    assert restored(struct.pack(">q", 1), [("traceparent", b"00"), (name, later)]).mark == MARK
