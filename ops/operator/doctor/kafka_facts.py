"""What a running Kafka says of itself: gathered in one connection, changing nothing, evaluated elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kafka import TopicPartition, errors
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.admin._partitions import OffsetSpec

from ops.configuration.settings import Settings
from ops.operator.doctor.finding import TIMEOUT_S
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import TopicsInspection, inspect_topics

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Acl:
    """One rule of the authorizer; `resource` and `operation` in Kafka's words ("topic", "Read"). `prefixed`: of all
    whose names begin with `name`."""

    principal: str
    resource: str
    name: str
    prefixed: bool
    operation: str
    allows: bool = True


@dataclass(frozen=True, slots=True)
class Disk:
    """One folder of one broker; bytes, or None where the broker does not say."""

    broker: int
    folder: str
    usable_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """None = the brokers do not tell, or not this user. `acls` empty and `authorizes` False: there is no authorizer.

    `newest_ms` is when the newest event was appended by the broker's clock (None = there is none), `asked_ms` when that
    was asked by ours.
    """

    topics: TopicsInspection
    metadata_version: int | None
    authorizes: bool | None
    acls: tuple[Acl, ...]
    disks: tuple[Disk, ...] | None
    newest_ms: int | None
    asked_ms: int


def read_kafka_facts(settings: Settings) -> KafkaFacts:
    """Raises `streams.kafka.errors.KafkaError`."""
    topics = Topics(settings.namespace, settings.model_version)
    seen = inspect_topics(
        settings.kafka,
        topics,
        settings.partitions,
        settings.replication,
        timeout_s=TIMEOUT_S,
        retention_days=settings.retention_days,
    )
    with blocking_admin(settings.kafka, TIMEOUT_S) as admin:
        authorizes, acls = _acls(admin)
        newest_ms = None if topics.interactions in seen.missing else _told(lambda: _newest_ms(admin, topics))
        asked_ms = time.time_ns() // 1_000_000
        return KafkaFacts(
            seen,
            _told(lambda: _metadata_version(admin)),
            authorizes,
            acls,
            _told(lambda: _disks(admin)),
            newest_ms,
            asked_ms,
        )


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except (errors.AuthorizationError, errors.UnsupportedVersionError, errors.IncompatibleBrokerVersion):
        return None


def _acls(admin: KafkaAdminClient) -> tuple[bool | None, tuple[Acl, ...]]:
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    try:
        found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything))
    except errors.SecurityDisabledError:
        return False, ()
    except errors.AuthorizationError:
        return None, ()
    return True, tuple(
        Acl(
            acl.principal,
            acl.resource_pattern.resource_type.name.lower().replace("_", "-"),
            acl.resource_pattern.resource_name,
            acl.resource_pattern.pattern_type == ACLResourcePatternType.PREFIXED,
            acl.operation.name.title().replace("_", ""),
            acl.permission_type == ACLPermissionType.ALLOW,
        )
        for acl in found
    )


def _metadata_version(admin: KafkaAdminClient) -> int | None:
    """The finalized level of `metadata.version`; None of a cluster without KRaft."""
    levels = admin.describe_features().get("metadata.version", {}).get("finalized")
    return int(levels[1]) if levels else None


def _disks(admin: KafkaAdminClient) -> tuple[Disk, ...]:
    return tuple(
        Disk(answer["broker"], disk["log_dir"], _bytes(disk, "usable_bytes"), _bytes(disk, "total_bytes"))
        for answer in admin.describe_log_dirs()
        for disk in answer["log_dirs"]
    )


def _bytes(disk: dict[str, int], name: str) -> int | None:
    found = disk.get(name)
    return found if found is not None and found >= 0 else None


def _newest_ms(admin: KafkaAdminClient, topics: Topics) -> int | None:
    (topic,) = admin.describe_topics([topics.interactions])
    partitions = [TopicPartition(topics.interactions, one["partition_index"]) for one in topic["partitions"]]
    found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.MAX_TIMESTAMP))
    return max((at.timestamp for at in found.values() if at.timestamp > 0), default=None)
