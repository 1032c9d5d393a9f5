"""Records of followed topics that cannot be used: reported once each, whoever takes them, and nobody stops."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters
from agents.followers import refusals
from agents.followers.follower import Follower
from agents.followers.item_follower import ItemFollower
from agents.followers.refusals import Refusals, guarded
from streams.contract.dead_letters import MAX_VALUE_BYTES, DeadLetter
from streams.contract.reasons import InvalidEvent, Reason
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics
from tables import item_rows

TOPICS = Topics("test")
NOW_MS = 1_700_000_000_000


def record(topic: str, key: bytes | None, value: bytes | None, offset: int = 0, partition: int = 0) -> Any:
    return ConsumerRecord(topic, partition, offset, NOW_MS, 1, key, value, None, 0, 0, ())


class Reported:
    """Stands in for `Refusals.report`."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def __call__(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        self.reasons.append(reason)


class ListWrite:
    """Stands in for the producer: what would be in the log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[OutgoingRecord] = []
        monkeypatch.setattr(refusals, "Producer", lambda *_, **__: self)

    async def __aenter__(self) -> "ListWrite":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def publish_all(self, records: Sequence[OutgoingRecord]) -> int:
        self.records += records
        return len(records)

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [DeadLetter.from_record(made.key, made.value, made.headers) for made in self.records]


def refusing(leads: bool = True, covered: bool = False) -> Refusals:
    dead_letters = DeadLetters("dlq", "failures", lambda _: leads)
    return Refusals("nowhere", dead_letters, 4, lambda _: covered)


async def written_by_the_owner(made: Refusals, owned: set[int]) -> None:
    task = asyncio.create_task(made.run(lambda: owned))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_record_that_raises_is_reported_with_the_reason_and_the_next_is_taken() -> None:
    taken: list[int] = []
    reported = Reported()

    def apply(record: ConsumerRecord) -> None:
        if record.offset == 1:
            raise InvalidEvent(Reason.TOO_DEEP, "")
        if record.offset == 2:
            raise OverflowError
        taken.append(record.offset)

    take = guarded(apply, reported)
    for offset in range(4):
        take(record("t", b"k", None, offset))
    assert taken == [0, 3]
    assert reported.reasons == [Reason.TOO_DEEP, Reason.FOLD_FAILED]


def test_a_follower_guards_every_topic() -> None:
    reported = Reported()

    def apply(record: ConsumerRecord) -> None:
        raise ValueError(record.topic)

    follower = Follower("nowhere", {"a": apply, "b": apply}, report=reported)
    for topic in ("a", "b"):
        follower._apply(record(topic, b"k", b"v"))
    assert reported.reasons == [Reason.FOLD_FAILED] * 2


@pytest.mark.parametrize(
    ("topic", "key", "value", "reason"),
    [
        (TOPICS.catalog, b"i1", b'{"available_until":99999999999999999999}', Reason.OUT_OF_RANGE),
        (TOPICS.catalog, b"i1", b'{"available_from":-99999999999999999999}', Reason.OUT_OF_RANGE),
        (TOPICS.catalog, b"i1", b'{"released_at":99999999999999999999}', Reason.OUT_OF_RANGE),
        (TOPICS.catalog, b"i1", b'{"attributes":{"a":1e999}}', Reason.OUT_OF_RANGE),
        (TOPICS.catalog, None, b"{}", Reason.KEY_MISMATCH),
        (TOPICS.item_model, item_rows.COUNTS + b"i1", b"nonsense", Reason.FOLD_FAILED),
        (TOPICS.item_model, item_rows.COUNTS + b"\xff", b"nonsense", Reason.FOLD_FAILED),
        (TOPICS.item_model, item_rows.MODEL_WATERMARK, b"nonsense", Reason.FOLD_FAILED),
        (TOPICS.item_model, item_rows.MODEL_WATERMARK, None, Reason.FOLD_FAILED),
        (TOPICS.item_model, None, b"nonsense", Reason.FOLD_FAILED),
        (TOPICS.ranker_weights, b"ranker", b"nonsense", Reason.FOLD_FAILED),
    ],
)
def test_no_record_ends_the_follower_of_items(
    topic: str, key: bytes | None, value: bytes | None, reason: Reason
) -> None:
    reported = Reported()
    items = ItemFollower("nowhere", TOPICS, 1, report=reported)
    items._follower._apply(record(topic, key, value))
    items._follower._apply(record(TOPICS.catalog, b"i2", b'{"title":"Two"}'))
    items.model_watermark.release()
    assert reported.reasons == [reason]
    assert items.model.title(items.model.index("i2")) == "Two"


async def test_the_owner_of_the_partition_writes_the_dead_letter_and_others_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written, made = ListWrite(monkeypatch), refusing()
    for partition in range(8):
        made.report(record("catalog.items", b"i", b"bytes", 7, partition), Reason.NOT_JSON, "why")
    await written_by_the_owner(made, {1, 3})
    assert [(dead_letter.name, dead_letter.reason, dead_letter.value) for dead_letter in written.dead_letters] == [
        (f"catalog.items:{partition}:7", Reason.NOT_JSON, b"bytes") for partition in (1, 3, 5, 7)
    ]
    assert {made.partition for made in written.records} == {1, 3}
    await written_by_the_owner(made, {0, 1, 2, 3})
    assert len(written.dead_letters) == 8
    assert made.total == 8


async def test_another_version_writes_only_what_it_failed_at_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    written, made = ListWrite(monkeypatch), refusing(leads=False)
    made.report(record("catalog.items", b"i", b"bytes"), Reason.NOT_JSON, "")
    made.report(record("item.model.v2", b"i", b"bytes"), Reason.FOLD_FAILED, "")
    await written_by_the_owner(made, {0})
    assert [record.topic for record in written.records] == ["failures"]


async def test_nothing_is_kept_of_somebody_who_was_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    written, made = ListWrite(monkeypatch), refusing(covered=True)
    made.report(record("users.profiles", b"u1", b'{"user_id":"u1"'), Reason.NOT_JSON, "u1")
    await written_by_the_owner(made, {0})
    assert [(dead_letter.key, dead_letter.value, dead_letter.reason) for dead_letter in written.dead_letters] == [
        (None, b"", Reason.ERASED)
    ]


async def test_what_is_held_is_bounded_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    written, made = ListWrite(monkeypatch), refusing()
    value = b"x" * (2 * MAX_VALUE_BYTES)
    for offset in range(100):
        made.report(record("catalog.items", b"i", value, offset, 2), Reason.TOO_LARGE, "")
        await made.drain()
        assert made._held_bytes <= refusals.HELD_BYTES
    await written_by_the_owner(made, {2})
    assert [dead_letter.offset for dead_letter in written.dead_letters] == list(range(100))
    assert {dead_letter.original_bytes for dead_letter in written.dead_letters} == {len(value)}


def test_a_bad_catalogue_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    made = refusing()
    with caplog.at_level(logging.WARNING):
        for offset in range(10_000):
            made.report(record("catalog.items", b"i", b"{", offset), Reason.NOT_JSON, "")
        made.report(record("users.profiles", b"u", b"{"), Reason.NOT_JSON, "")
    lines = [entry.getMessage() for entry in caplog.records]
    assert len(lines) == refusals.SAID_ONE_BY_ONE + 4 + 1
    assert "10000 records of catalog.items cannot be used so far (10000 not_json)" in lines[-2]
