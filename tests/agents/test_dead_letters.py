"""Which version writes a dead letter."""

from agents.dead_letters import FAILED, DeadLetters
from streams.dead_letters import DeadLetter
from streams.reasons import Reason

APPENDED_MS = 1_800_000_000_000


def letter(reason: Reason) -> DeadLetter:
    return DeadLetter(b"u", b"{", reason, "why", "user.interactions", 2, 41, APPENDED_MS)


def test_the_version_that_answers_writes_the_letter() -> None:
    letters = DeadLetters("dlq", "crash.marks.v1", lambda append_ms: append_ms == APPENDED_MS)
    (record,) = letters.records(letter(Reason.NOT_JSON))
    assert (record.topic, record.partition, record.key) == ("dlq", 2, b"user.interactions:2:41")


def test_another_version_writes_nothing_but_its_own_failures_into_its_own_topic() -> None:
    letters = DeadLetters("dlq", "crash.marks.v2", lambda _: False)
    assert letters.records(letter(Reason.NOT_JSON)) == []
    (record,) = letters.records(letter(Reason.FOLD_FAILED))
    assert (record.topic, record.partition) == ("crash.marks.v2", 2)
    assert record.key == FAILED + b"user.interactions:2:41"
