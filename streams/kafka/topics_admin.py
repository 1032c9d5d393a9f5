"""Creates the topics, says what differs when they exist, and removes a version's or a namespace's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.errors import TopicsError, TopicsNotReady
from streams.kafka.topics import RETENTION_DAYS, TIMESTAMP_TYPE, Topics, TopicSpec, check_namespace

_POLL_S = 0.2
_NOT_FOUND = errors.GroupIdNotFoundError.__name__


@dataclass(frozen=True)
class SettingDifference:
    """A topic that exists with another setting than it should have. `setting` may also be `partitions` or
    `replication`."""

    topic: str
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, should be {self.wanted}"


@dataclass(frozen=True)
class TopicsReport:
    """What `ensure_topics` did: names created by this call, names that were right already, and what differs."""

    created: tuple[str, ...]
    unchanged: tuple[str, ...]
    differs: tuple[SettingDifference, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "created": list(self.created),
            "unchanged": list(self.unchanged),
            "differs": [asdict(difference) for difference in self.differs],
        }


@dataclass(frozen=True)
class TopicsInspection:
    """How many brokers there are, and of the topics that there should be: names of those that are missing, that have a
    partition without a leader, that have a copy which lags behind, and what differs."""

    brokers: int
    missing: tuple[str, ...]
    leaderless: tuple[str, ...]
    lagging_copies: tuple[str, ...]
    differs: tuple[SettingDifference, ...]
    #: Of the partition that has fewest; 0 when there is no topic.
    copies: int = 0

    def stops_workers(self, topics: Topics) -> bool:
        """Whether workers refuse to work with them; see `agents.delivery.topic_rules`."""
        return any(
            one.setting == TIMESTAMP_TYPE or (one.setting == "partitions" and one.topic != topics.catalog)
            for one in self.differs
        )


#: What is said where records have one copy.
ONE_COPY = (
    "replication 1: every record has one copy, so that a lost disk loses acknowledged events, and rows are of a log "
    "that is gone; with three brokers set FRESHET_REPLICATION=3 before topics are created"
)


@dataclass(frozen=True)
class RemovalReport:
    """What `delete_namespace` removed: full names."""

    topics: tuple[str, ...]
    groups: tuple[str, ...]


def ensure_topics(
    bootstrap: str,
    topics: Topics,
    partitions: int,
    replication: int,
    timeout_s: float,
    retention_days: int = RETENTION_DAYS,
) -> TopicsReport:
    """Creates every missing topic of `topics` and waits until all of them have leaders.

    Idempotent, and safe when several callers run it at once: Kafka lets one of them create each topic. Never alters
    or deletes a topic that exists; what differs is in the report. Raises `KafkaError` (see `streams.kafka.errors`).
    """
    deadline = time.monotonic() + timeout_s
    specs = topics.specs(partitions, replication, retention_days)
    with _admin(bootstrap, timeout_s) as admin:
        created = _create_missing(admin, specs, replication, timeout_s)
        existing = _wait_for_leaders(admin, [spec.name for spec in specs], deadline)
        older = [spec for spec in specs if spec.name not in created]
        differs = _differences(admin, older, existing, replication)
    different = {difference.topic for difference in differs}
    return TopicsReport(
        created=tuple(sorted(created)),
        unchanged=tuple(sorted(spec.name for spec in older if spec.name not in different)),
        differs=tuple(differs),
    )


def inspect_topics(
    bootstrap: str,
    topics: Topics,
    partitions: int,
    replication: int,
    timeout_s: float,
    retention_days: int = RETENTION_DAYS,
) -> TopicsInspection:
    """What there is of the topics of `topics`, changing nothing. Raises `KafkaError`."""
    specs = topics.specs(partitions, replication, retention_days)
    with _admin(bootstrap, timeout_s) as admin:
        brokers = len(admin.describe_cluster()["brokers"])
        names = set(admin.list_topics())
        existing = [spec for spec in specs if spec.name in names]
        described = admin.describe_topics([spec.name for spec in existing]) if existing else []
        metadata = {topic["name"]: topic for topic in described}
        leaderless = sorted(name for name, topic in metadata.items() if not _has_leaders(topic))
        thin = sorted(
            name
            for name, topic in metadata.items()
            if any(len(partition["isr_nodes"]) < len(partition["replica_nodes"]) for partition in topic["partitions"])
        )
        differs = _differences(admin, [spec for spec in existing if spec.name not in leaderless], metadata, replication)
    missing = sorted(spec.name for spec in specs if spec.name not in names)
    copies = [len(partition["replica_nodes"]) for topic in metadata.values() for partition in topic["partitions"]]
    return TopicsInspection(
        brokers, tuple(missing), tuple(leaderless), tuple(thin), tuple(differs), min(copies, default=0)
    )


def delete_namespace(bootstrap: str, namespace: str, timeout_s: float = 30.0) -> RemovalReport:
    """Removes every topic and consumer group of a namespace and waits until they are gone.

    Waits for groups that still have members (a killed worker leaves its group after its session timeout). Raises
    `ValueError` for the empty namespace, which may be somebody's production, and `KafkaError`.
    """
    if not namespace:
        raise ValueError("the empty namespace is never deleted")
    check_namespace(namespace)
    deadline = time.monotonic() + timeout_s
    prefix = f"{namespace}."
    with _admin(bootstrap, timeout_s) as admin:
        names = _names_with(admin, prefix)
        if names:
            _delete_topics(admin, names, timeout_s)
        groups = _delete_groups(admin, lambda group: group.startswith(prefix), deadline)
        while remaining := _names_with(admin, prefix):
            _wait(deadline, f"topics are still there: {', '.join(remaining)}")
    return RemovalReport(tuple(sorted(names)), tuple(sorted(groups)))


def delete_version(bootstrap: str, topics: Topics, timeout_s: float = 60.0) -> RemovalReport:
    """Removes the group and the topics that belong to one model version alone, and waits until they are gone.

    The group goes first, and waits for its members: a worker must not lose topics while it works. May be repeated.
    Raises `KafkaError`.
    """
    deadline = time.monotonic() + timeout_s
    with _admin(bootstrap, timeout_s) as admin:
        groups = _delete_groups(admin, lambda group: group == topics.consumer_group, deadline)
        wanted = set(topics.versioned())
        names = sorted(wanted & set(admin.list_topics()))
        if names:
            _delete_topics(admin, names, timeout_s)
        while remaining := sorted(wanted & set(admin.list_topics())):
            _wait(deadline, f"topics are still there: {', '.join(remaining)}")
    return RemovalReport(tuple(names), tuple(sorted(groups)))


@contextmanager
def _admin(bootstrap: str, timeout_s: float) -> Iterator[KafkaAdminClient]:
    admin = blocking_admin(bootstrap, timeout_s)
    try:
        yield admin
    except errors.KafkaError as failure:
        raise TopicsError(f"Kafka at {bootstrap}: {failure}") from failure
    finally:
        admin.close()


def _create_missing(admin: KafkaAdminClient, specs: list[TopicSpec], replication: int, timeout_s: float) -> set[str]:
    """Asks for all topics at once; the names this call created."""
    request = {
        spec.name: {"num_partitions": spec.partitions, "replication_factor": replication, "configs": spec.config}
        for spec in specs
    }
    answer = admin.create_topics(request, timeout_ms=_ms(timeout_s), raise_errors=False)
    created = set()
    for topic in answer["topics"]:
        error = errors.for_code(topic["error_code"])
        if error is errors.NoError:
            created.add(topic["name"])
        elif error is not errors.TopicAlreadyExistsError:
            raise TopicsError(f"{topic['name']} was not created: {topic['error_message'] or error.__name__}")
    return created


def _wait_for_leaders(admin: KafkaAdminClient, names: list[str], deadline: float) -> dict[str, dict[str, Any]]:
    """Metadata by topic name, once every partition of every topic has a leader."""
    while True:
        metadata = {topic["name"]: topic for topic in admin.describe_topics(names)}
        pending = [name for name in names if not _has_leaders(metadata.get(name))]
        if not pending:
            return metadata
        _wait(deadline, f"topics without leaders: {', '.join(pending)}")


def _has_leaders(topic: dict[str, Any] | None) -> bool:
    return bool(
        topic
        and topic["error_code"] == 0
        and topic["partitions"]
        and all(partition["error_code"] == 0 and partition["leader_id"] >= 0 for partition in topic["partitions"])
    )


def _differences(
    admin: KafkaAdminClient, specs: list[TopicSpec], metadata: dict[str, dict[str, Any]], replication: int
) -> list[SettingDifference]:
    if not specs:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    differs = []
    for spec in specs:
        partitions = metadata[spec.name]["partitions"]
        found = {name: entry["value"] for name, entry in configs[spec.name].items()}
        wanted = spec.config | {"partitions": str(spec.partitions), "replication": str(replication)}
        found |= {"partitions": str(len(partitions)), "replication": str(len(partitions[0]["replica_nodes"]))}
        differs += [
            SettingDifference(spec.name, setting, value, str(found.get(setting)))
            for setting, value in wanted.items()
            if found.get(setting) != value
        ]
    return differs


def _names_with(admin: KafkaAdminClient, prefix: str) -> list[str]:
    return sorted(name for name in admin.list_topics() if name.startswith(prefix))


def _delete_topics(admin: KafkaAdminClient, names: list[str], timeout_s: float) -> None:
    answer = admin.delete_topics(names, timeout_ms=_ms(timeout_s), raise_errors=False)
    for topic in answer["topics"]:
        error = errors.for_code(topic["error_code"])
        if error not in (errors.NoError, errors.UnknownTopicOrPartitionError):  # somebody else may have removed it
            raise TopicsError(f"{topic['name']} was not removed: {topic['error_message'] or error.__name__}")


def _delete_groups(admin: KafkaAdminClient, named: Callable[[str], bool], deadline: float) -> set[str]:
    """Deletes the groups, again and again while some still have members."""
    deleted: set[str] = set()
    while groups := [group["group_id"] for group in admin.list_groups() if named(group["group_id"])]:
        results = admin.delete_groups(groups)
        deleted |= {group for group, result in results.items() if result == "OK"}
        stuck = [f"{group} ({result})" for group, result in results.items() if result not in ("OK", _NOT_FOUND)]
        if stuck:
            _wait(deadline, f"groups are still there: {', '.join(stuck)}")
    return deleted


def _wait(deadline: float, complaint: str) -> None:
    if time.monotonic() >= deadline:
        raise TopicsNotReady(complaint)
    time.sleep(_POLL_S)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
