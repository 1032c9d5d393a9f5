"""Pausing an input partition: recorded in Kafka, so that it outlives every worker."""

import time

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.followers.refusals import read_usable
from ops.exit_codes import CommandFailed, ExitCode
from ops.operator.inspect.finding import partition_count
from streams.contract.codec import dumps
from streams.contract.controls import pause_key, paused_partition
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics


class NoSuchPartition(CommandFailed):
    """What was given names no input partition of a worker."""

    code = ExitCode.USAGE


def parse_partition(text: str, topics: Topics) -> TopicPartition:
    """ "TOPIC:N", or "N" of the interactions topic; the namespace may be left out. Raises `NoSuchPartition`.

    >>> parse_partition("3", Topics("demo"))
    TopicPartition(topic='demo.user.interactions', partition=3)
    """
    name, _, number = text.rpartition(":")
    inputs = {alias: topic for topic in topics.inputs for alias in (topic, topic.removeprefix(f"{topics.namespace}."))}
    topic = inputs.get(name) if name else topics.interactions
    if topic is None or not number.isdecimal():
        raise NoSuchPartition(f"{text!r} is none of: N, {', '.join(f'{topic}:N' for topic in topics.inputs)}")
    return TopicPartition(topic, int(number))


async def set_pause(bootstrap: str, topics: Topics, partition: TopicPartition, *, paused: bool) -> None:
    """Records that workers of this version are to leave `partition` alone, or to go on. Raises `NoSuchPartition`."""
    async with bulk_consumer(bootstrap) as consumer:
        count = await partition_count(consumer, partition.topic)
    if partition.partition >= count:
        raise NoSuchPartition(f"{partition.topic} has partitions 0 to {count - 1}")
    value = dumps({"paused_at_ms": time.time_ns() // 1_000_000}) if paused else None
    key = pause_key(topics.version, partition)
    async with Producer(bootstrap) as producer:
        await producer.publish(OutgoingRecord(topics.controls, key, value, 0))


async def read_pauses(bootstrap: str, topics: Topics) -> set[TopicPartition]:
    """The input partitions that workers of this version leave alone."""
    paused: set[TopicPartition] = set()

    def apply(record: ConsumerRecord) -> None:
        partition = paused_partition(topics.version, record.key or b"")
        if partition is not None:
            paused.discard(partition) if record.value is None else paused.add(partition)

    await read_usable(bootstrap, [topics.controls], apply)
    return paused
