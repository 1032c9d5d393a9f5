"""Which version writes a dead letter."""

from dataclasses import replace

from agents.dead_letters import FAILED, DeadLetters
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason

APPENDED_MS = 1_800_000_000_000


def dead_letter(reason: Reason) -> DeadLetter:
    return DeadLetter(b"u", b"{", reason, "why", "user.interactions", 2, 41, APPENDED_MS)


def test_the_version_that_answers_writes_the_dead_letter() -> None:
    dead_letters = DeadLetters("dlq", "crash.marks.v1", lambda append_ms: append_ms == APPENDED_MS)
    (record,) = dead_letters.records(dead_letter(Reason.NOT_JSON))
    assert (record.topic, record.partition, record.key) == ("dlq", 2, b"user.interactions:2:41")


def test_another_version_writes_nothing_but_its_own_failures_into_its_own_topic() -> None:
    dead_letters = DeadLetters("dlq", "crash.marks.v2", lambda _: False)
    assert dead_letters.records(dead_letter(Reason.NOT_JSON)) == []
    (record,) = dead_letters.records(dead_letter(Reason.FOLD_FAILED))
    assert (record.topic, record.partition) == ("crash.marks.v2", 2)
    assert record.key == FAILED + b"user.interactions:2:41"


def test_a_failure_says_no_more_than_a_dead_letter_does() -> None:
    dead_letters = DeadLetters("dlq", "crash.marks.v2", lambda _: False)
    long = replace(dead_letter(Reason.FOLD_FAILED), detail="\ud800" + "x" * 1_000_000)
    (record,) = dead_letters.records(long)
    assert record.value is not None
    assert len(record.value) < 2_000
