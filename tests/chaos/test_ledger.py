"""The suite can fail: whatever is missing or there twice shows in a balance."""

from typing import NamedTuple

import orjson
import pytest
from ledger import Balance, Ledger

from streams.dead_letters import DeadLetter
from streams.producer import OutgoingRecord
from streams.reasons import Reason

NOW_MS = 4_000_000_000_000
TOPIC = "user.interactions"


class At(NamedTuple):
    topic: str
    partition: int
    offset: int


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    view = orjson.dumps({"timestamp": NOW_MS})
    made.note(OutgoingRecord(TOPIC, b"ann", view), At(TOPIC, 0, 0))
    made.note(OutgoingRecord(TOPIC, b"ann", view), At(TOPIC, 0, 1))
    made.note(OutgoingRecord(TOPIC, b"bob", view), At(TOPIC, 1, 0))
    made.note(OutgoingRecord(TOPIC, b"bob", b"{"), At(TOPIC, 1, 1))
    made.note(OutgoingRecord(TOPIC, b"bob", orjson.dumps({"timestamp": 0})), At(TOPIC, 1, 2))
    return made


def letter(offset: int, reason: Reason) -> DeadLetter:
    return DeadLetter(b"bob", b"", reason, "", TOPIC, 1, offset, NOW_MS)


@pytest.mark.parametrize(
    ("counted", "balance"),
    [
        ({"ann": 2, "bob": 1}, Balance()),
        ({"ann": 1, "bob": 2}, Balance(lost=1, doubled=1)),
        ({"ann": 2}, Balance(lost=1)),
        ({"ann": 2, "bob": 1, "eve": 1}, Balance(doubled=1)),
    ],
)
def test_users(ledger: Ledger, counted: dict[str, int], balance: Balance) -> None:
    assert ledger.of_users(counted) == balance


@pytest.mark.parametrize(
    ("letters", "balance"),
    [
        ([letter(1, Reason.NOT_JSON), letter(2, Reason.TOO_OLD)], Balance()),
        ([letter(1, Reason.NOT_JSON)], Balance(lost=1)),
        ([letter(1, Reason.NOT_JSON), letter(2, Reason.TOO_OLD), letter(2, Reason.TOO_OLD)], Balance(doubled=1)),
        ([letter(1, Reason.NOT_JSON), letter(2, Reason.TOO_LARGE)], Balance(lost=1, doubled=1)),
        ([letter(1, Reason.NOT_JSON), letter(2, Reason.TOO_OLD), letter(0, Reason.TOO_OLD)], Balance(doubled=1)),
    ],
)
def test_dead_letters(ledger: Ledger, letters: list[DeadLetter], balance: Balance) -> None:
    assert ledger.of_dead_letters(letters) == balance


@pytest.mark.parametrize(
    ("ends", "balance"),
    [({0: 2, 1: 3}, Balance()), ({0: 1, 1: 3}, Balance(lost=1)), ({0: 2, 1: 4}, Balance(doubled=1))],
)
def test_the_log_itself(ledger: Ledger, ends: dict[int, int], balance: Balance) -> None:
    assert ledger.of_log(ends) == balance


def test_a_later_balance_shows_only_what_came_on_top() -> None:
    assert Balance(3, 1).since(Balance(1, 1)) == Balance(lost=2)
