"""Of two that do the same work, the later one goes on and the earlier one is told."""

import pytest

from ops.exit_codes import ExitCode
from ops.local_stack.stack import LocalStack
from ops.operator.dead_letters.records import rewriter_of
from ops.operator.dead_letters.redrive import redrive
from ops.operator.dead_letters.sole_producer import sole_producer
from ops.operator.inspect.running import NotAnswering, NotThere, Superseded, run
from streams.contract.controls import REDRIVE_KEY
from streams.kafka.bulk_read import TopicMissing, read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics


async def overtaken(bootstrap: str, topics: Topics) -> None:
    name = rewriter_of(topics)
    async with sole_producer(bootstrap, name) as earlier:
        async with sole_producer(bootstrap, name) as later, later.transaction():
            await later.send_and_wait(topics.controls, b"later", REDRIVE_KEY)
        async with earlier.transaction():
            await earlier.send_and_wait(topics.controls, b"earlier", REDRIVE_KEY)


@pytest.mark.stack
def test_the_earlier_one_is_told_and_writes_nothing(stack: LocalStack, namespace: str) -> None:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    with pytest.raises(Superseded) as told:
        run(overtaken(stack.bootstrap, topics))
    assert told.value.code is ExitCode.CHECK_FAILED
    values: list[bytes] = []
    run(read_topics(stack.bootstrap, [topics.controls], lambda record: values.append(record.value)))
    assert values == [b"later"]


@pytest.mark.stack
@pytest.mark.parametrize("note", [b"nonsense", b"{}", b'{"ends":{"9":1}}', b'{"ends":{"0":-1}}', b'{"ends":{"0":"1"}}'])
def test_a_note_that_is_none_is_skipped_and_said(
    stack: LocalStack, namespace: str, note: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    values: list[bytes | None] = []

    async def noted() -> None:
        async with sole_producer(stack.bootstrap, rewriter_of(topics)) as other, other.transaction():
            await other.send_and_wait(topics.controls, note, REDRIVE_KEY, partition=0)
        assert (await redrive(stack.bootstrap, topics, None)).recovered == 0
        await read_topics(stack.bootstrap, [topics.controls], lambda record: values.append(record.value))

    run(noted())
    assert "the note of an unfinished redrive cannot be read and is skipped" in caplog.text
    assert values == [note, None], "it is removed, or it would be said for ever"


def test_a_kafka_that_is_away_is_said_in_one_line() -> None:
    with pytest.raises(NotAnswering, match="Kafka does not answer"):
        run(read_topics("127.0.0.1:1", ["topic"], print))


def test_a_missing_topic_is_wrong_usage() -> None:
    async def missing() -> None:
        raise TopicMissing("topic x does not exist")

    with pytest.raises(NotThere) as told:
        run(missing())
    assert told.value.code is ExitCode.USAGE
