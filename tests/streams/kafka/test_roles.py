"""Each role may do what the list says and nothing else: a real broker is asked, with its authorizer on."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import TopicPartition
from harness.commands import freshet
from harness.secured_kafka import SecuredKafka

from ops.exit_codes import ExitCode
from ops.operator.audit_log.read import read_audit
from streams.kafka import clients
from streams.kafka.address import KafkaAddress
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.roles import Role, grants
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

pytestmark = pytest.mark.stack

IMPLIED = {"READ": "DESCRIBE", "WRITE": "DESCRIBE", "DELETE": "DESCRIBE", "DESCRIBE_CONFIGS": ""}
WORDS = {
    "Read": "READ",
    "Write": "WRITE",
    "Create": "CREATE",
    "Delete": "DELETE",
    "Describe": "DESCRIBE",
    "DescribeConfigs": "DESCRIBE_CONFIGS",
}


@pytest.fixture(scope="module")
def topics(secured: SecuredKafka) -> Iterator[Topics]:
    """Of two versions, beside a namespace that nobody here has to do with."""
    made = Topics(f"roles-{secrets.token_hex(3)}", "v1")
    other = Topics(f"other-{secrets.token_hex(3)}", "v1")
    for one in (made, Topics(made.namespace, "v2"), other):
        ensure_topics(secured.address, one, partitions=1, replication=1, timeout_s=60)
    for role in Role:
        secured.allow(role, made)
    yield made
    for one in (made, other):
        delete_namespace(secured.address, one.namespace)


def allowed(role: Role, topics: Topics, name: str) -> set[str]:
    """What the list says of one topic, in the broker's words."""
    found = {
        WORDS[operation]
        for grant in grants(role, topics)
        if grant.resource == "topic" and (name.startswith(grant.name) if grant.prefixed else name == grant.name)
        for operation in grant.operations
    }
    return found | {IMPLIED[operation] for operation in found if IMPLIED.get(operation)}


@pytest.mark.parametrize("role", Role)
def test_the_broker_allows_on_topics_what_the_list_says(secured: SecuredKafka, topics: Topics, role: Role) -> None:
    with blocking_admin(secured.address, timeout_s=30) as admin:
        names = [name for name in admin.list_topics() if name.startswith((topics.namespace, "other-"))]
    with blocking_admin(secured.signed(role), timeout_s=30) as admin:
        seen = {topic["name"]: topic for topic in admin.describe_topics(names)}
    assert len(names) > 40
    for name in names:
        wanted = allowed(role, topics, name)
        hidden = not wanted - {"CREATE"}
        found = set() if seen[name]["error_code"] else set(seen[name]["authorized_operations"])
        assert found == (set() if hidden else wanted), (role, name)


# -- what nobody may do, tried ----------------------------------------------------------------------------------------


async def write(address: KafkaAddress, topic: str) -> None:
    producer = clients.producer(address, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", b"k")
    finally:
        await producer.stop()


async def read(address: KafkaAddress, topic: str) -> None:
    consumer = clients.consumer(address, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.getmany(timeout_ms=2000)
        if topic in consumer._client.cluster.unauthorized_topics:  # not even told that it is there
            raise TopicAuthorizationFailedError(topic)
    finally:
        await consumer.stop()


async def commit(address: KafkaAddress, group: str, topic: str) -> None:
    consumer = clients.consumer(address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): 0})
    finally:
        await consumer.stop()


async def transact(address: KafkaAddress, transactional_id: str) -> None:
    producer = clients.producer(address, transactional_id=transactional_id)
    try:
        await producer.start()
    finally:
        await producer.stop()


REFUSALS = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
Attempt = Callable[[KafkaAddress, Topics], Awaitable[None]]
ATTEMPTS: dict[str, tuple[Role, Attempt]] = {
    "a producer reads events": (Role.PRODUCER, lambda at, topics: read(at, topics.interactions)),
    "a producer writes lists' model": (Role.PRODUCER, lambda at, topics: write(at, topics.item_model)),
    "a producer erases": (Role.PRODUCER, lambda at, topics: write(at, topics.erasure)),
    "a worker makes up events": (Role.WORKER, lambda at, topics: write(at, topics.interactions)),
    "a worker makes up items": (Role.WORKER, lambda at, topics: write(at, topics.catalog)),
    "a worker erases": (Role.WORKER, lambda at, topics: write(at, topics.erasure)),
    "an endpoint makes up events": (Role.ENDPOINT, lambda at, topics: write(at, topics.interactions)),
    "an endpoint reads events": (Role.ENDPOINT, lambda at, topics: read(at, topics.interactions)),
    "an endpoint reads what was shown": (Role.ENDPOINT, lambda at, topics: read(at, topics.served)),
    "a worker makes up commands": (Role.WORKER, lambda at, topics: write(at, topics.audit)),
    "an endpoint reads who did what": (Role.ENDPOINT, lambda at, topics: read(at, topics.audit)),
    "a sink makes up events": (Role.SINK, lambda at, topics: write(at, topics.interactions)),
    "a sink moves workers": (
        Role.SINK,
        lambda at, topics: commit(at, topics.consumer_group, topics.interactions),
    ),
    "a sink fences a worker": (
        Role.SINK,
        lambda at, topics: transact(at, topics.transactional_id(topics.interactions, 0)),
    ),
    "an endpoint fences a worker": (
        Role.ENDPOINT,
        lambda at, topics: transact(at, topics.transactional_id(topics.interactions, 0)),
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_who_must_not_is_refused(secured: SecuredKafka, topics: Topics, attempt: str) -> None:
    role, of = ATTEMPTS[attempt]
    with pytest.raises(REFUSALS):
        await of(secured.signed(role), topics)


async def test_the_same_is_allowed_to_whom_it_is_granted(secured: SecuredKafka, topics: Topics) -> None:
    await write(secured.signed(Role.PRODUCER), topics.interactions)
    await read(secured.signed(Role.WORKER), topics.interactions)
    await transact(secured.signed(Role.WORKER), topics.transactional_id(topics.interactions, 0))
    await commit(secured.signed(Role.SINK), topics.sink_group("clickhouse"), topics.interactions)
    await write(secured.signed(Role.ENDPOINT), topics.served)
    await write(secured.signed(Role.OPERATOR), topics.erasure)


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("role", Role)
def test_nobody_grants_anything(secured: SecuredKafka, role: Role) -> None:
    with blocking_admin(secured.signed(role), timeout_s=30) as admin:
        cluster = set(admin.describe_cluster()["authorized_operations"])
    assert cluster == ({"DESCRIBE", "DESCRIBE_CONFIGS"} if role is Role.OPERATOR else set())


async def test_commands_are_noted_with_the_user_whom_the_broker_let_in(
    secured: SecuredKafka, topics: Topics, tmp_path: Path
) -> None:
    place = {"FRESHET_NAMESPACE": topics.namespace, "FRESHET_STATE_DIR": str(tmp_path), "FRESHET_OPERATOR": "ana"}
    pause = ("partition", "pause", "0", "--json")
    done = await freshet(*pause, environment={**place, **secured.environment(Role.OPERATOR)})
    assert done.returncode == 0, done.stderr
    refused = await freshet(*pause, environment={**place, **secured.environment(Role.SINK)})
    assert refused.returncode == ExitCode.USAGE
    assert "nothing was done" in refused.stderr
    assert "Traceback" not in refused.stderr
    (noted,) = await read_audit(secured.signed(Role.OPERATOR), topics)
    assert (noted.begun.command, noted.begun.who, noted.begun.kafka_user) == ("partition pause", "ana", Role.OPERATOR)
    assert noted.ended is not None
    assert noted.ended.result == "done"


def test_errors_are_of_kafka() -> None:
    assert all(issubclass(refusal, KafkaError) for refusal in REFUSALS)
