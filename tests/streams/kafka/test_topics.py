"""Names and settings of every topic: a contract with operators and producers."""

import pytest

from streams.contract.units import DAY_MS
from streams.kafka.topics import Topics, TopicSpec

NAMES = {
    "user.interactions",
    "catalog.items",
    "users.profiles",
    "users.profiles.misplaced",
    "users.links",
    "user.erasure",
    "user.interactions.dlq",
    "freshet.versions",
    "freshet.controls",
    "freshet.experiments",
    "freshet.rules",
    "freshet.audit",
    "recommendation.requests",
    "recommendation.served",
    "model.predictions",
    "item.deltas.v1",
    "item.model.v1",
    "ranker.examples.v1",
    "ranker.weights.v1",
    "judged.events.v1",
    "user.rows.v1",
    "guest.parts.v1",
    "crash.marks.v1",
}
COMPACTED = {
    "catalog.items",
    "users.profiles",
    "users.profiles.misplaced",
    "users.links",
    "user.erasure",
    "freshet.versions",
    "freshet.controls",
    "freshet.experiments",
    "freshet.rules",
    "item.model.v1",
    "ranker.weights.v1",
    "user.rows.v1",
    "guest.parts.v1",
    "crash.marks.v1",
}
ERASABLE = {"user.interactions.dlq", "recommendation.requests", "recommendation.served", "model.predictions"}


def specs(replication: int = 3) -> dict[str, TopicSpec]:
    return {spec.name: spec for spec in Topics().specs(100, replication)}


def test_all_topics_are_created() -> None:
    assert set(specs()) == NAMES


def test_every_property_that_names_a_topic_has_a_spec() -> None:
    topics = Topics("ns", "v2")
    properties = [
        name
        for name, kind in vars(Topics).items()
        if isinstance(kind, property) and name not in ("consumer_group", "inputs", "derived_inputs")
    ]
    assert {getattr(topics, name) for name in properties} == {spec.name for spec in topics.specs(4, 1)}


def test_partitions() -> None:
    assert {spec.name for spec in specs().values() if spec.partitions == 1} == {
        "freshet.versions",
        "users.links",
        "freshet.controls",
        "freshet.experiments",
        "freshet.rules",
        "freshet.audit",
        "ranker.examples.v1",
        "ranker.weights.v1",
    }
    assert {spec.partitions for spec in specs().values()} == {1, 100}


def test_compacted_topics_forget_within_a_day() -> None:
    for name, spec in specs().items():
        policy = spec.config["cleanup.policy"]
        assert policy == ("compact" if name in COMPACTED else "compact,delete" if name in ERASABLE else "delete")
        if policy != "delete":
            assert int(spec.config["max.compaction.lag.ms"]) <= DAY_MS


def test_retention() -> None:
    days = {name: int(spec.config.get("retention.ms", 0)) // DAY_MS for name, spec in specs().items()}
    assert days["user.interactions"] == days["user.interactions.dlq"] == 90
    assert days["item.deltas.v1"] == days["ranker.examples.v1"] == 7
    assert days["freshet.audit"] == 730


def test_events_are_kept_as_long_as_the_setting_says() -> None:
    days = {spec.name: spec.config.get("retention.ms") for spec in Topics().specs(100, 3, retention_days=400)}
    kept = [name for name, retention_ms in days.items() if retention_ms == str(400 * DAY_MS)]
    assert kept == ["user.interactions", "user.interactions.dlq", "judged.events.v1"]
    assert days["item.deltas.v1"] == str(7 * DAY_MS)


def test_the_broker_stamps_interactions_and_commands_only() -> None:
    stamped = {name for name, spec in specs().items() if spec.config.get("message.timestamp.type") == "LogAppendTime"}
    assert stamped == {"user.interactions", "freshet.audit"}


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_one_broker_may_be_down(replication: int, in_sync: str) -> None:
    assert {spec.config["min.insync.replicas"] for spec in specs(replication).values()} == {in_sync}


def test_namespace_and_version() -> None:
    topics = Topics("demo", "v2")
    assert topics.interactions == "demo.user.interactions"
    assert topics.predictions == "demo.model.predictions"
    assert topics.user_changelog == "demo.user.rows.v2"
    assert topics.consumer_group == "demo.freshet.v2"
    assert Topics().consumer_group == "freshet.v1"
    assert topics.transactional_id(topics.interactions, 3) == "demo.freshet.v2.demo.user.interactions.3"


@pytest.mark.parametrize("namespace", ["a.b", "user", "freshet", "a b", "ä", "x" * 65, "a\n"])
def test_namespaces_that_would_not_stay_apart(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Topics(namespace)


@pytest.mark.parametrize("version", ["", "v.1", "v 1"])
def test_versions_that_cannot_be_part_of_a_name(version: str) -> None:
    with pytest.raises(ValueError, match="version"):
        Topics("", version)


def test_every_first_word_of_a_topic_is_reserved() -> None:
    for name in NAMES:
        with pytest.raises(ValueError, match="reserved"):
            Topics(name.split(".")[0])
