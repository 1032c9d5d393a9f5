"""Of two that do the same work, the later one goes on and the earlier one is told."""

import pytest

from ops.exit_codes import ExitCode
from ops.local_stack.stack import LocalStack
from ops.operator.letters import rewriter_of
from ops.operator.running import NotAnswering, NotThere, Superseded, run
from ops.operator.sole_producer import sole_producer
from streams.bulk_read import TopicMissing, read_topics
from streams.controls import REDRIVE_KEY
from streams.topics import Topics
from streams.topics_admin import ensure_topics


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


def test_a_kafka_that_is_away_is_said_in_one_line() -> None:
    with pytest.raises(NotAnswering, match="Kafka does not answer"):
        run(read_topics("127.0.0.1:1", ["topic"], print))


def test_a_missing_topic_is_wrong_usage() -> None:
    async def missing() -> None:
        raise TopicMissing("topic x does not exist")

    with pytest.raises(NotThere) as told:
        run(missing())
    assert told.value.code is ExitCode.USAGE
