"""What each kind of process must be allowed to do in Kafka, and no more: the list from which ACLs are made.

Topics, groups and transactions of model versions are granted by what their names begin with, so that a new version
needs no new ACL. To read or to write implies to describe, as it does in Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from streams.kafka.topics import Topics

Resource = Literal["topic", "group", "transactional-id", "cluster"]
CLUSTER_NAME: Final = "kafka-cluster"


class Role(StrEnum):
    """One kind of process or person."""

    PRODUCER = "producer"
    """Sends events, items, profiles and links."""
    WORKER = "worker"
    """`freshet worker`, of any version."""
    ENDPOINT = "endpoint"
    """`freshet serve`."""
    COLLECT = "collect"
    """`freshet collect`: events alone, neither items nor profiles."""
    SINK = "sink"
    """`freshet sink`, into any store."""
    OPERATOR = "operator"
    """Every other command of `freshet`."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One resource and what may be done with it, in Kafka's words ("Read", "DescribeConfigs"). `prefixed`: all whose
    names begin with `name`."""

    resource: Resource
    name: str
    prefixed: bool
    operations: tuple[str, ...]


def grants(role: Role, topics: Topics) -> list[Grant]:
    """What `role` needs in the namespace of `topics`, for all model versions."""
    return sorted(_OF_ROLE[role](topics))


def _producer(topics: Topics) -> Iterator[Grant]:
    yield from _on((topics.interactions, topics.catalog, topics.profiles, topics.links), "Write")


def _worker(topics: Topics) -> Iterator[Grant]:
    orders = (topics.erasure, topics.controls, topics.experiments, topics.rules)
    followed = (topics.catalog, topics.profiles, topics.links, *orders)
    yield from _on(followed, "Read")
    yield from _on((topics.interactions,), "Read", "DescribeConfigs")  # whose time its records carry
    yield from _on((topics.versions, topics.misplaced_profiles), "Read", "Write")
    yield from _on((topics.dead_letters, topics.predictions), "Write")
    # Whether they are there, with the partitions that they must have.
    yield from _on((topics.requests, topics.served, topics.audit), "Describe")
    state = (
        topics.deltas,
        topics.item_model,
        topics.ranker_examples,
        topics.ranker_weights,
        topics.user_changelog,
        topics.guest_parts,
        topics.crash_marks,
    )
    yield from _of_versions(topics, state, "Read", "Write")
    yield from _of_versions(topics, (topics.judged_events,), "Write")
    yield _group(topics, "Read")
    yield _transactions(topics)


def _endpoint(topics: Topics) -> Iterator[Grant]:
    yield from _on((topics.requests, topics.served), "Write")


def _collect(topics: Topics) -> Iterator[Grant]:
    yield from _on((topics.interactions,), "Write")


def _sink(topics: Topics) -> Iterator[Grant]:
    yield from _on((topics.interactions, topics.served, topics.erasure), "Read")
    yield from _on((topics.dead_letters,), "Write")
    yield from _of_versions(topics, (topics.item_model,), "Read")
    yield Grant("group", topics.sink_group(""), True, ("Read",))


def _operator(topics: Topics) -> Iterator[Grant]:
    everything = ("Create", "Delete", "DescribeConfigs", "Read", "Write")
    versioned = set(topics.versioned())
    own = {topics.audit, *versioned}
    yield from _on((spec.name for spec in topics.specs(1, 1) if spec.name not in own), *everything)
    # Who is noted there must not be able to take it away.
    yield from _on((topics.audit,), *(operation for operation in everything if operation != "Delete"))
    yield from _of_versions(topics, versioned, *everything)
    yield _group(topics, "Delete", "Read")
    yield _transactions(topics)
    for name in (topics.dead_letters, topics.erasure):
        yield Grant("transactional-id", name, True, ("Describe", "Write"))
    yield Grant("cluster", CLUSTER_NAME, False, ("Describe", "DescribeConfigs"))


_OF_ROLE: Final = {
    Role.PRODUCER: _producer,
    Role.WORKER: _worker,
    Role.ENDPOINT: _endpoint,
    Role.COLLECT: _collect,
    Role.SINK: _sink,
    Role.OPERATOR: _operator,
}


def _on(names: Iterable[str], *operations: str) -> Iterator[Grant]:
    return (Grant("topic", name, False, operations) for name in names)


def _of_versions(topics: Topics, names: Iterable[str], *operations: str) -> Iterator[Grant]:
    return (Grant("topic", name.removesuffix(topics.version), True, operations) for name in names)


def _group(topics: Topics, *operations: str) -> Grant:
    return Grant("group", topics.consumer_group.removesuffix(topics.version), True, operations)


def _transactions(topics: Topics) -> Grant:
    """Of partitions, and of whoever changes versions, controls, experiments and rules, named after their topics."""
    return Grant("transactional-id", topics.consumer_group.removesuffix(topics.version), True, ("Describe", "Write"))
