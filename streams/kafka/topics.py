"""Every topic of Freshet: its name, and the settings it is created with."""

import re
from dataclasses import dataclass, field
from typing import Final

from streams.contract.units import DAY_MS

#: Large enough for a dead letter's original value and key plus its headers (see `streams.contract.dead_letters`).
DEAD_LETTER_MAX_BYTES: Final = 2 * 1024 * 1024

#: How long events are kept where nobody says otherwise (FRESHET_RETENTION_DAYS).
RETENTION_DAYS: Final = 90
#: How long it is known who gave which command: two audits, where they are yearly.
AUDIT_RETENTION_DAYS: Final = 730
#: The setting that decides whose time records carry, and what it must be for interactions and commands.
TIMESTAMP_TYPE: Final = "message.timestamp.type"
LOG_APPEND_TIME: Final = "LogAppendTime"

_NAME_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
#: The folder, below the address of snapshots and archives, of a system without a namespace.
NO_NAMESPACE: Final = "default"
#: First words of our own topic names: as a namespace they would cover topics outside any namespace.
_RESERVED_NAMESPACES: Final = frozenset(
    {"catalog", "crash", "freshet", "guest", "item", "judged", "model", "ranker", "recommendation", "user", "users"}
)


def check_namespace(namespace: str) -> None:
    """Raises `ValueError` unless the namespace keeps its topics apart from those of every other namespace.

    >>> check_namespace("demo-1")
    >>> check_namespace("user")
    Traceback (most recent call last):
    ...
    ValueError: namespace 'user' is reserved: it is the first word of a topic name
    """
    if namespace and not _NAME_PART.match(namespace):
        raise ValueError(f"namespace {namespace!r} must be 1-64 letters, digits, '_' or '-'; dots separate namespaces")
    if namespace in _RESERVED_NAMESPACES:
        raise ValueError(f"namespace {namespace!r} is reserved: it is the first word of a topic name")
    if namespace == NO_NAMESPACE:
        raise ValueError(f"namespace {namespace!r} is reserved: files of those who have none are kept under that name")


@dataclass(frozen=True)
class Topics:
    """Full topic, group and transaction names of one namespace and model version.

    `namespace` keeps demos, tests and tenants apart; "" is the default one. `version` names the model version whose
    internal topics are meant.

    >>> Topics().interactions, Topics("demo", "v2").deltas
    ('user.interactions', 'demo.item.deltas.v2')
    """

    namespace: str = ""
    version: str = "v1"

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        if not _NAME_PART.match(self.version):
            raise ValueError(f"version {self.version!r} must be 1-64 letters, digits, '_' or '-'")

    def _full(self, name: str) -> str:
        return f"{self.namespace}.{name}" if self.namespace else name

    @property
    def interactions(self) -> str:
        """What users did; key user_id."""
        return self._full("user.interactions")

    @property
    def catalog(self) -> str:
        """Items; key item_id; null = removed."""
        return self._full("catalog.items")

    @property
    def profiles(self) -> str:
        """What users said about themselves; key user_id; null = removed."""
        return self._full("users.profiles")

    @property
    def misplaced_profiles(self) -> str:
        """Whose profiles are in another partition than theirs (`streams.contract.misplaced`), partition of the user."""
        return self._full("users.profiles.misplaced")

    @property
    def links(self) -> str:
        """Which guests turned out to be which users; key guest_id; null = withdrawn; one partition."""
        return self._full("users.links")

    @property
    def erasure(self) -> str:
        """Users to forget; key user_id."""
        return self._full("user.erasure")

    @property
    def dead_letters(self) -> str:
        """Interactions that could not be used, with the reason."""
        return self._full("user.interactions.dlq")

    @property
    def versions(self) -> str:
        """The truth about model versions; one partition."""
        return self._full("freshet.versions")

    @property
    def controls(self) -> str:
        """What operators told the workers and each other (paused partitions, a redrive under way); one partition."""
        return self._full("freshet.controls")

    @property
    def experiments(self) -> str:
        """What is tried on whom (`streams.contract.experiments`); key experiment_id; one partition."""
        return self._full("freshet.experiments")

    @property
    def rules(self) -> str:
        """What operators want lists to show (`streams.contract.rules`); key rule_id; one partition."""
        return self._full("freshet.rules")

    @property
    def audit(self) -> str:
        """Which commands changed something (`streams.contract.audit`); key command_id; one partition."""
        return self._full("freshet.audit")

    @property
    def requests(self) -> str:
        """What the endpoint was asked; key as `streams.contract.user_records` makes it,
        partition of the user."""
        return self._full("recommendation.requests")

    @property
    def served(self) -> str:
        """What the endpoint answered; key as `streams.contract.user_records` makes it,
        partition of the user."""
        return self._full("recommendation.served")

    @property
    def predictions(self) -> str:
        """What was listed before a few of the events; key as `streams.contract.user_records` makes it,
        partition of the user."""
        return self._full("model.predictions")

    @property
    def deltas(self) -> str:
        """What interactions mean for items, batched per item partition."""
        return self._full(f"item.deltas.{self.version}")

    @property
    def item_model(self) -> str:
        """The items table: its changelog, and what every worker follows."""
        return self._full(f"item.model.{self.version}")

    @property
    def ranker_examples(self) -> str:
        """Sampled examples the ranker learns from."""
        return self._full(f"ranker.examples.{self.version}")

    @property
    def ranker_weights(self) -> str:
        """The ranker's weights."""
        return self._full(f"ranker.weights.{self.version}")

    @property
    def judged_events(self) -> str:
        """How a sample of events turned out (`ranking.outcomes`), in their partitions."""
        return self._full(f"judged.events.{self.version}")

    @property
    def user_changelog(self) -> str:
        """Changelog of the user rows; key user_id, same partition as the user's events."""
        return self._full(f"user.rows.{self.version}")

    @property
    def guest_parts(self) -> str:
        """What linked guests did, as of their rows (`tables.guest_part`); key user and guest, partition of the user."""
        return self._full(f"guest.parts.{self.version}")

    @property
    def crash_marks(self) -> str:
        """Where workers died, so that one bad record cannot kill worker after worker."""
        return self._full(f"crash.marks.{self.version}")

    @property
    def consumer_group(self) -> str:
        """The group whose committed offsets say how far this version has read."""
        return self._full(f"freshet.{self.version}")

    def sink_group(self, sink: str) -> str:
        """The group whose committed offsets say how far a store (`streams.sinks`) was written; of no version.

        >>> Topics("demo").sink_group("clickhouse")
        'demo.freshet.sink.clickhouse'
        """
        return self._full(f"freshet.sink.{sink}")

    def versioned(self) -> list[str]:
        """The topics that belong to this version alone, in alphabetical order.

        >>> Topics("demo", "v2").versioned()[0]
        'demo.crash.marks.v2'
        """
        other = Topics(self.namespace, f"{self.version[:63]}-" if self.version[-1] != "-" else "x")
        shared = {spec.name for spec in other.specs(1, 1)}
        return sorted(spec.name for spec in self.specs(1, 1) if spec.name not in shared)

    @property
    def inputs(self) -> tuple[str, str, str]:
        """What the workers' group consumes: each partition of each is one task."""
        return self.interactions, self.deltas, self.ranker_examples

    @property
    def derived_inputs(self) -> tuple[str, str]:
        """Those of the inputs that the workers write themselves: what they held can be learned again from the log."""
        return self.deltas, self.ranker_examples

    def transactional_id(self, topic: str, partition: int) -> str:
        """Names the one producer that may write for this input partition; starting it fences the former owner.

        `topic` is a full name.

        >>> Topics("demo").transactional_id("demo.user.interactions", 3)
        'demo.freshet.v1.demo.user.interactions.3'
        """
        return f"{self.consumer_group}.{topic}.{partition}"

    def specs(self, partitions: int, replication: int, retention_days: int = RETENTION_DAYS) -> list["TopicSpec"]:
        """All topics as they must be created, with `partitions` (1 or more) except where one is the point. Events, and
        what is known of single ones, are kept `retention_days`.

        `replication` decides how many replicas must confirm a write: all but one, so that one broker may be down.
        """
        safety = {"min.insync.replicas": str(max(1, replication - 1))}
        log = _deleted_after(retention_days) | {TIMESTAMP_TYPE: LOG_APPEND_TIME}
        dead_letters = _erasable(retention_days) | {"max.message.bytes": str(DEAD_LETTER_MAX_BYTES)}
        settings = {
            self.interactions: log,
            self.catalog: _COMPACTED,
            self.profiles: _COMPACTED,
            self.misplaced_profiles: _COMPACTED,
            self.links: _COMPACTED,
            self.erasure: _COMPACTED,
            self.dead_letters: dead_letters,
            self.versions: _COMPACTED,
            self.controls: _COMPACTED,
            self.experiments: _COMPACTED,
            self.rules: _COMPACTED,
            self.audit: _deleted_after(AUDIT_RETENTION_DAYS) | {TIMESTAMP_TYPE: LOG_APPEND_TIME},
            self.requests: _erasable(7),
            self.served: _erasable(7),
            self.predictions: _erasable(7),
            self.deltas: _deleted_after(7),
            self.item_model: _COMPACTED,
            self.ranker_examples: _deleted_after(7),
            self.ranker_weights: _COMPACTED,
            self.judged_events: _deleted_after(retention_days),
            self.user_changelog: _COMPACTED,
            self.guest_parts: _COMPACTED,
            self.crash_marks: _COMPACTED,
        }
        # One truth about versions, links, controls, experiments, rules and commands, and one learner of all examples.
        orders = (self.versions, self.links, self.controls, self.experiments, self.rules, self.audit)
        single = (*orders, self.ranker_examples, self.ranker_weights)
        return [
            TopicSpec(name, 1 if name in single else partitions, config | safety) for name, config in settings.items()
        ]


@dataclass(frozen=True)
class TopicSpec:
    """A topic as it must be: full name, number of partitions, Kafka settings that differ from the broker's."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


#: A removal or an erasure must be gone from disk a day later, not whenever a segment happens to fill.
_COMPACTED: Final = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}


def _deleted_after(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS)}


def _erasable(days: int) -> dict[str, str]:
    """A log whose records have unique keys, so that a later record of the same key takes a single one out of it."""
    return {**_deleted_after(days), **_COMPACTED, "cleanup.policy": "compact,delete"}
