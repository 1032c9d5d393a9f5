"""A sink whose log becomes another one: it says so, and leaves nothing of the other one out."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from harness.polling import eventually
from hostile.raw_batches import RawRecord, batch
from kafka import KafkaAdminClient

from ops.local_stack.stack import LocalStack
from streams.kafka.log_position import LogNow
from streams.kafka.log_state import TopicFacts
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics
from streams.kafka.unpacking import NONE
from streams.sinks import log_marks
from streams.sinks.config import SinkConfig
from streams.sinks.log_marks import LogMarks, LogReplaced
from streams.sinks.runner import SinkRunner
from streams.sinks.sink import Block, StoreRow

EVENTS = TopicPartition("user.interactions", 0)


class Kept:
    """A store in memory: the ids of the events that were written."""

    name, wants_served = "kept", False

    def __init__(self) -> None:
        self.event_ids: set[str] = set()

    def rows(self, block: Block) -> Sequence[StoreRow]:
        return [StoreRow(block.topic, 0, event.offset, event.interaction.event_id) for event in block.events]

    def write(self, rows: Sequence[StoreRow], name: str) -> None:
        self.event_ids |= {row.values for row in rows}

    def prepare(self) -> None: ...
    def maintain(self) -> None: ...
    def close(self) -> None: ...


async def publish(stack: LocalStack, topic: str, name: str, count: int) -> set[str]:
    event_ids = {f"{name}-{number}" for number in range(count)}
    events = [
        {"event_type": "view", "user_id": "u", "item_id": "i", "timestamp": 1_700_000_000_000, "event_id": event_id}
        for event_id in event_ids
    ]
    async with Producer(stack.bootstrap) as producer:
        await producer.publish_all([OutgoingRecord(topic, b"u", orjson.dumps(event)) for event in events])
    return event_ids


def make_again(stack: LocalStack, topics: Topics) -> None:
    with KafkaAdminClient(bootstrap_servers=stack.bootstrap) as admin:
        admin.delete_topics([topics.interactions])
        while topics.interactions in admin.list_topics():
            pass
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)


@pytest.mark.stack
async def test_a_log_that_was_made_again_is_read_from_its_begin(stack: LocalStack, namespace: str) -> None:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    config = SinkConfig(stack.bootstrap, topics, flush_s=0.1)
    former, kept = await publish(stack, topics.interactions, "former", 40), Kept()
    running = asyncio.create_task(SinkRunner(config, kept).run())  # type: ignore[arg-type]

    async def all_of(event_ids: set[str]) -> bool:
        return event_ids <= kept.event_ids

    async def ended() -> bool:
        return running.done()

    await eventually("the former log is written", lambda: all_of(former))
    await asyncio.to_thread(make_again, stack, topics)
    new = await publish(stack, topics.interactions, "new", 60)
    await eventually("it notices", ended)
    with pytest.raises(LogReplaced, match=rf"{topics.interactions} was deleted and made again"):
        await running

    runner = SinkRunner(config, kept)  # type: ignore[arg-type]
    running = asyncio.create_task(runner.run())
    await eventually("nothing of the new log is left out", lambda: all_of(new))
    runner.stop()
    await running


class Group:
    """Stands in for a consumer that committed `metadata` with offset 500."""

    def __init__(self, metadata: str) -> None:
        async def fetch_committed_offsets(asked: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
            return {tp: OffsetAndMetadata(500, metadata) for tp in asked}

        async def send(*_: Any) -> None: ...

        self._client = SimpleNamespace(send=send)
        self._coordinator = SimpleNamespace(fetch_committed_offsets=fetch_committed_offsets)


@pytest.mark.parametrize(
    ("metadata", "now", "position"),
    [
        ("id 3", LogNow("id", 600, 550), 500),
        ("id -1", LogNow("id", 600), 500),
        ("", LogNow("id", 600), 500),  # of a former release, or set by hand
        ("id 3", LogNow("other", 600), 0),
        ("id 3", LogNow("id", 600, 450), 450),  # an unclean election, and others wrote there since
        ("id 3", LogNow("id", 400, 400), 400),
        ("", LogNow("id", 400), 0),
    ],
)
async def test_where_a_position_of_another_log_goes_on(
    monkeypatch: pytest.MonkeyPatch, metadata: str, now: LogNow, position: int
) -> None:
    async def read_logs(_: Any, places: Any) -> dict[TopicPartition, LogNow]:
        return dict.fromkeys(places, now)

    monkeypatch.setattr(log_marks, "read_logs", read_logs)
    assert await LogMarks(Group(metadata), [EVENTS.topic]).positions([EVENTS]) == {EVENTS: position}  # type: ignore[arg-type]


def test_a_committed_position_says_which_log_it_is_in() -> None:
    marks = LogMarks(Group(""), [EVENTS.topic])  # type: ignore[arg-type]
    marks._begun = {EVENTS.topic: TopicFacts("id", 1)}
    fetched = bytearray(batch([RawRecord(b"u", b"{}")], NONE, 0, base_offset=499))
    fetched[12:16] = (7).to_bytes(4)  # the leader that appended it
    marks._epochs.note(EVENTS, bytes(fetched))
    assert marks.marked({EVENTS: 500}) == {EVENTS: OffsetAndMetadata(500, "id 7")}
