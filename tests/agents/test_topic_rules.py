"""What a worker refuses to begin or go on with, of its topics."""

import pytest

from agents.delivery.topic_rules import missing_topics, wrong_partitions, wrong_timestamps
from streams.kafka.log_state import TopicFacts
from streams.kafka.topics import Topics

TOPICS = Topics("test", "v1")


def facts(**partitions: int) -> dict[str, TopicFacts]:
    """All topics as they should be for 4 partitions, but for some, by the name of their property."""
    made = {spec.name: TopicFacts("id", spec.partitions) for spec in TOPICS.specs(4, 1)}
    return made | {getattr(TOPICS, name): TopicFacts("id", count) for name, count in partitions.items()}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, None),
        ({"catalog": 9}, None),  # read from wherever items are
        ({"interactions": 3}, "has 3 partitions, FRESHET_PARTITIONS is 4"),
        ({"interactions": 5}, "has 5 partitions, FRESHET_PARTITIONS is 4"),
        ({"profiles": 1}, "has 1 partitions, FRESHET_PARTITIONS is 4"),
        ({"deltas": 8}, "has 8 partitions, FRESHET_PARTITIONS is 4"),
        ({"versions": 2}, "has 2 partitions and must have one"),
        ({"experiments": 2}, "has 2 partitions and must have one"),
    ],
)
def test_fewer_and_more_partitions_are_named(found: dict[str, int], said: str | None) -> None:
    wrong = list(wrong_partitions(TOPICS, 4, facts(**found)))
    assert len(wrong) == (said is not None)
    for sentence in wrong:
        assert f"topic {getattr(TOPICS, next(iter(found)))} {said}" in sentence


def test_a_topic_that_is_missing_is_named() -> None:
    there = facts()
    del there[TOPICS.erasure]
    assert missing_topics(TOPICS, there) == [TOPICS.erasure]
    assert list(wrong_partitions(TOPICS, 4, there)) == []


def test_only_the_brokers_own_time_will_do() -> None:
    assert wrong_timestamps(TOPICS.interactions, "LogAppendTime") == ""
    assert "message.timestamp.type=LogAppendTime" in wrong_timestamps(TOPICS.interactions, "CreateTime")
