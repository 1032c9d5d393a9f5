"""What a worker must find of its topics, when it begins and while it works: plain sentences about what it does not."""

from collections.abc import Iterator, Mapping

from streams.kafka.log_state import TopicFacts
from streams.kafka.topics import LOG_APPEND_TIME, TIMESTAMP_TYPE, Topics


def missing_topics(topics: Topics, facts: Mapping[str, TopicFacts]) -> list[str]:
    """Topics that do not exist."""
    return [spec.name for spec in topics.specs(1, 1) if spec.name not in facts]


def wrong_partitions(topics: Topics, partitions: int, facts: Mapping[str, TopicFacts]) -> Iterator[str]:
    """Topics whose number of partitions is not what it has to be. Items are read from wherever they are."""
    for spec in topics.specs(partitions, 1):
        found = facts[spec.name].partitions if spec.name in facts else spec.partitions
        if found == spec.partitions or spec.name == topics.catalog:
            continue
        if spec.partitions == 1:
            yield f"topic {spec.name} has {found} partitions and must have one: there is one truth in it, in one order"
        else:
            yield (
                f"topic {spec.name} has {found} partitions, FRESHET_PARTITIONS is {partitions}: users would be looked "
                "for in the wrong partitions, and what producers send to the others is not read. The number is fixed "
                'for the life of a log: see "When the log is another one" in docs/operations.md'
            )


def wrong_timestamps(topic: str, timestamp_type: str) -> str:
    """What is wrong with the times of the log of interactions; "" when nothing is."""
    if timestamp_type == LOG_APPEND_TIME:
        return ""
    return (
        f"topic {topic} has {TIMESTAMP_TYPE}={timestamp_type}, so that records carry the times of producers' clocks: "
        "a slow one turns good events into dead letters, and retention goes by it. Set it to "
        f"{LOG_APPEND_TIME}: kafka-configs.sh --alter --entity-type topics --entity-name {topic} "
        f"--add-config {TIMESTAMP_TYPE}={LOG_APPEND_TIME}"
    )
