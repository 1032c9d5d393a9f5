"""When the next record of a log was, or will be, appended: the same whoever asks and whenever."""

import pytest
from aiokafka.structs import TopicPartition

from ops.local_stack.stack import LocalStack
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics
from streams.sinks.log_reads import appended_from_ms, record_at

pytestmark = pytest.mark.stack


async def test_it_is_the_next_record_else_the_last_one_before(stack: LocalStack, namespace: str) -> None:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    tp = TopicPartition(topics.interactions, 0)
    async with bulk_consumer(stack.bootstrap) as reader:
        assert await appended_from_ms(reader, tp, 0) is None
        async with Producer(stack.bootstrap) as producer:
            taken = [await producer.publish(OutgoingRecord(tp.topic, b"u", b"%d" % n, 0)) for n in range(3)]
        for offset, number in ((0, 0), (1, 1), (2, 2), (3, 2)):
            assert await appended_from_ms(reader, tp, offset) == taken[number].timestamp
        found = await record_at(reader, tp, 1)
        assert found is not None
        assert found.value == b"1"
        assert await record_at(reader, tp, 3) is None
