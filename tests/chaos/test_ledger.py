"""The suite can fail: whatever is missing or there twice shows in a balance."""

import json
from typing import NamedTuple

import pytest
from ledger import Balance, Counted, Ledger

from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.producer import OutgoingRecord

NOW_MS = 4_000_000_000_000
TOPIC = "user.interactions"


class At(NamedTuple):
    topic: str
    partition: int
    offset: int


def view(event_id: str) -> bytes:
    return json.dumps({"event_id": event_id, "timestamp": NOW_MS}).encode()


@pytest.fixture
def ledger() -> Ledger:
    made = Ledger()
    made.note(OutgoingRecord(TOPIC, b"ann", view("a")), At(TOPIC, 0, 0))
    made.note(OutgoingRecord(TOPIC, b"ann", view("a")), At(TOPIC, 0, 1))
    made.note(OutgoingRecord(TOPIC, b"bob", view("b")), At(TOPIC, 1, 0))
    made.note(OutgoingRecord(TOPIC, b"bob", b"{"), At(TOPIC, 1, 1))
    made.note(OutgoingRecord(TOPIC, b"bob", json.dumps({"timestamp": 0}).encode()), At(TOPIC, 1, 2))
    return made


def dead_letter(offset: int, reason: Reason) -> DeadLetter:
    return DeadLetter(b"bob", b"", reason, "", TOPIC, 1, offset, NOW_MS)


ANN, BOB = Counted(folded=1, duplicates=1), Counted(folded=1)


@pytest.mark.parametrize(
    ("counted", "balance"),
    [
        ({"ann": ANN, "bob": BOB}, Balance()),
        ({"ann": Counted(1), "bob": Counted(2)}, Balance(lost=1, doubled=1)),
        ({"ann": Counted(2), "bob": BOB}, Balance(lost=1, doubled=1)),  # the same event folded again
        ({"ann": ANN}, Balance(lost=1)),
        ({"ann": ANN, "bob": BOB, "eve": Counted(1)}, Balance(doubled=1)),
    ],
)
def test_users(ledger: Ledger, counted: dict[str, Counted], balance: Balance) -> None:
    assert ledger.of_users(counted) == balance


@pytest.mark.parametrize(
    ("dead_letters", "balance"),
    [
        ([dead_letter(1, Reason.NOT_JSON), dead_letter(2, Reason.TOO_OLD)], Balance()),
        ([dead_letter(1, Reason.NOT_JSON)], Balance(lost=1)),
        (
            [dead_letter(1, Reason.NOT_JSON), dead_letter(2, Reason.TOO_OLD), dead_letter(2, Reason.TOO_OLD)],
            Balance(doubled=1),
        ),
        ([dead_letter(1, Reason.NOT_JSON), dead_letter(2, Reason.TOO_LARGE)], Balance(lost=1, doubled=1)),
        (
            [dead_letter(1, Reason.NOT_JSON), dead_letter(2, Reason.TOO_OLD), dead_letter(0, Reason.TOO_OLD)],
            Balance(doubled=1),
        ),
    ],
)
def test_dead_letters(ledger: Ledger, dead_letters: list[DeadLetter], balance: Balance) -> None:
    assert ledger.of_dead_letters(dead_letters) == balance


@pytest.mark.parametrize(
    ("ends", "balance"),
    [({0: 2, 1: 3}, Balance()), ({0: 1, 1: 3}, Balance(lost=1)), ({0: 2, 1: 4}, Balance(doubled=1))],
)
def test_the_log_itself(ledger: Ledger, ends: dict[int, int], balance: Balance) -> None:
    assert ledger.of_log(ends) == balance


def test_a_later_balance_shows_only_what_came_on_top() -> None:
    assert Balance(3, 1).since(Balance(1, 1)) == Balance(lost=2)
