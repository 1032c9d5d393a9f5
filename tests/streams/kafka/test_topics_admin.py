"""Topics on a real Kafka: created once, never altered, removed only with their namespace."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiokafka import AIOKafkaConsumer

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.kafka.errors import KafkaUnreachable, TopicsError, TopicsNotReady
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import SettingDifference, delete_namespace, ensure_topics

TIMEOUT_S = 30.0


@pytest.mark.stack
def test_two_callers_at_once_create_every_topic_once(stack: LocalStack, namespace: str) -> None:
    topics = Topics(namespace)
    with ThreadPoolExecutor(2) as callers:
        reports = list(callers.map(lambda _: ensure_topics(stack.bootstrap, topics, 2, 1, TIMEOUT_S), range(2)))
    names = sorted(spec.name for spec in topics.specs(2, 1))
    assert sorted([*reports[0].created, *reports[1].created]) == names
    assert all(sorted(report.created + report.unchanged) == names for report in reports)
    again = ensure_topics(stack.bootstrap, topics, 2, 1, TIMEOUT_S)
    assert again.as_dict() == {"created": [], "unchanged": names, "differs": []}


@pytest.mark.stack
def test_what_differs_is_said_and_left_alone(stack: LocalStack, namespace: str) -> None:
    ensure_topics(stack.bootstrap, Topics(namespace), 2, 1, TIMEOUT_S)
    report = ensure_topics(stack.bootstrap, Topics(namespace, "v2"), 3, 1, TIMEOUT_S)
    assert SettingDifference(f"{namespace}.user.interactions", "partitions", "3", "2") in report.differs
    assert f"{namespace}.freshet.versions" in report.unchanged
    assert f"{namespace}.item.deltas.v2" in report.created
    assert {difference.found for difference in report.differs} == {"2"}
    assert ensure_topics(stack.bootstrap, Topics(namespace), 2, 1, TIMEOUT_S).differs == ()


@pytest.mark.stack
def test_a_replication_that_cannot_be_is_refused_with_its_reason(stack: LocalStack, namespace: str) -> None:
    with pytest.raises(TopicsError, match="replication factor of 3"):
        ensure_topics(stack.bootstrap, Topics(namespace), 2, 3, TIMEOUT_S)


@pytest.mark.stack
async def test_a_namespace_goes_with_its_groups_and_nothing_else(stack: LocalStack, namespace: str) -> None:
    inside, outside = Topics(f"{namespace}-a"), Topics(f"{namespace}-ab")
    try:
        for topics in (inside, outside):
            ensure_topics(stack.bootstrap, topics, 1, 1, TIMEOUT_S)
        async with Producer(stack.bootstrap) as producer:
            await producer.publish(OutgoingRecord(inside.interactions, b"u", b"{}"))
        member = AIOKafkaConsumer(
            inside.interactions,
            bootstrap_servers=stack.bootstrap,
            group_id=inside.consumer_group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await member.start()
        await member.getone()
        with pytest.raises(TopicsNotReady, match=r"NonEmptyGroup|still there"):
            await asyncio.to_thread(delete_namespace, stack.bootstrap, inside.namespace, timeout_s=1.5)
        await member.stop()
        removed = delete_namespace(stack.bootstrap, inside.namespace)
        assert removed.groups == (inside.consumer_group,) or removed.groups == ()  # Kafka may drop it with its topics
        assert delete_namespace(stack.bootstrap, inside.namespace).topics == ()
        assert ensure_topics(stack.bootstrap, outside, 1, 1, TIMEOUT_S).created == ()
    finally:
        delete_namespace(stack.bootstrap, outside.namespace)


def test_the_empty_and_reserved_namespaces_are_never_deleted() -> None:
    for name in ("", "user", "a.b"):
        with pytest.raises(ValueError, match="namespace"):
            delete_namespace("127.0.0.1:1", name)


def test_nobody_at_the_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(KafkaUnreachable, match=address):
        ensure_topics(address, Topics("nobody"), 1, 1, timeout_s=1.0)
