"""Asks Kafka which logs there are now: ids and partitions of topics, ends of logs and of leader epochs."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NoError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from streams.kafka.log_position import NO_EPOCH, LogNow, LogPosition
from streams.kafka.log_requests import EpochEndRequest, TopicIdsRequest
from streams.kafka.topics import TIMESTAMP_TYPE

#: How long a leader may be away before who asks is told.
RETRY_FOR_S = 30.0
RETRY_EVERY_S = 0.1
#: Kafka's codes that pass: the broker is no leader, has just become one, or has not heard of the partition yet.
_PASSING = frozenset({3, 5, 6, 7, 9, 74, 75, 76, 78})
_LATEST = -1
_TOPIC_RESOURCE = 2

T = TypeVar("T")
ByPartition = Mapping[TopicPartition, int]


class TopicFacts(NamedTuple):
    """Kafka's id of a topic as text, and how many partitions it has."""

    topic_id: str
    partitions: int


async def read_topics_facts(client: AIOKafkaClient, topics: Iterable[str]) -> dict[str, TopicFacts]:
    """The topics that exist, by name. Raises `KafkaError`."""
    response = await client.send(_any_node(client), TopicIdsRequest(sorted(topics)))
    found = {}
    for error_code, name, topic_id, _, partitions, *_ in response.topics:
        error = for_code(error_code)
        if error is NoError:
            found[name] = TopicFacts(str(topic_id), len(partitions))
        elif error not in (UnknownTopicOrPartitionError, LeaderNotAvailableError):
            raise error(name)
    return found


async def read_logs(
    client: AIOKafkaClient, places: Mapping[TopicPartition, LogPosition]
) -> dict[TopicPartition, LogNow]:
    """What is to be compared with places, by partition; a topic that does not exist has the id "" and no end.

    Waits for leaders up to `RETRY_FOR_S`. Raises `KafkaError`.
    """
    facts = await retried(lambda: read_topics_facts(client, {tp.topic for tp in places}))
    there = [tp for tp in places if tp.topic in facts and tp.partition < facts[tp.topic].partitions]
    epochs = {tp: places[tp].leader_epoch for tp in there if places[tp].leader_epoch != NO_EPOCH}
    # Epochs first: what is cut off between the two questions is found by the second one.
    epoch_ends = await read_epoch_ends(client, epochs)
    ends = await _read_ends(client, there)
    return {
        tp: LogNow(facts[tp.topic].topic_id, ends[tp], epoch_ends.get(tp)) if tp in ends else LogNow("", 0)
        for tp in places
    }


async def read_epoch_ends(client: AIOKafkaClient, epochs: ByPartition) -> dict[TopicPartition, int]:
    """Where each leader epoch ends, or the last one before it that the log knows; see `LogNow.epoch_end`. Waits for
    leaders up to `RETRY_FOR_S`. Raises `KafkaError`."""

    async def ask(node: int, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        response = await client.send(node, EpochEndRequest(_by_topic({tp: epochs[tp] for tp in tps})))
        return {
            TopicPartition(topic, number): (error, end)
            for topic, partitions in response.topics
            for error, number, _, end in partitions
        }

    return await _ask_leaders(client, epochs, ask)


async def _read_ends(client: AIOKafkaClient, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The high watermarks: everything before them is on all replicas in sync."""

    async def ask(node: int, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        response = await client.send(node, OffsetRequest(-1, 0, _by_topic(dict.fromkeys(tps, _LATEST))))
        return {
            TopicPartition(topic, number): (error, end)
            for topic, found in response.topics
            for number, error, _, end in found
        }

    return await _ask_leaders(client, partitions, ask)


Ask = Callable[[int, list[TopicPartition]], Awaitable[dict[TopicPartition, tuple[int, int]]]]


async def _ask_leaders(
    client: AIOKafkaClient, partitions: Iterable[TopicPartition], ask: Ask
) -> dict[TopicPartition, int]:
    """The answers of each partition's leader; `ask` returns error codes and offsets."""
    answers: dict[TopicPartition, int] = {}
    wanted = set(partitions)
    for topic in {tp.topic for tp in wanted}:
        await client.add_topic(topic)

    async def ask_the_rest() -> None:
        by_node: dict[int, list[TopicPartition]] = defaultdict(list)
        for tp in wanted - answers.keys():
            by_node[_leader(client, tp)].append(tp)
        try:
            for found in await asyncio.gather(*(ask(node, tps) for node, tps in by_node.items())):
                answers.update({tp: offset for tp, (error, offset) in found.items() if not error})
                _raise_for({tp: error for tp, (error, _) in found.items() if error})
        except KafkaError:
            await client.force_metadata_update()
            raise

    if wanted:
        await retried(ask_the_rest)
    return answers


def _raise_for(errors: Mapping[TopicPartition, int]) -> None:
    for tp, code in errors.items():
        if code not in _PASSING:
            raise for_code(code)(tp)
    if errors:
        raise LeaderNotAvailableError(errors)  # or as good as that


def _leader(client: AIOKafkaClient, tp: TopicPartition) -> int:
    node = client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        raise LeaderNotAvailableError(tp)
    return int(node)


def _any_node(client: AIOKafkaClient) -> int:
    node = client.get_random_node()
    if node is None:
        raise NodeNotReadyError("no broker is known")
    return int(node)


def _by_topic(numbers: ByPartition) -> list[tuple[str, list[tuple[int, int]]]]:
    by_topic: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for tp, number in numbers.items():
        by_topic[tp.topic].append((tp.partition, number))
    return list(by_topic.items())


async def retried(ask: Callable[[], Awaitable[T]]) -> T:
    """Asks again while Kafka's error passes, up to `RETRY_FOR_S`; then raises it."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + RETRY_FOR_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or loop.time() > end_s:
                raise
        await asyncio.sleep(RETRY_EVERY_S)


async def read_timestamp_type(client: AIOKafkaClient, topic: str) -> str:
    """Whose time the topic's records carry: CreateTime or LogAppendTime. Raises `KafkaError`, also when this client may
    not ask."""
    request = DescribeConfigsRequest([(_TOPIC_RESOURCE, topic, [TIMESTAMP_TYPE])])
    response = await client.send(_any_node(client), request)
    ((error_code, message, _, _, entries),) = response.resources
    if error_code:
        raise for_code(error_code)(message)
    return next(str(value) for name, value, *_ in entries if name == TIMESTAMP_TYPE)
