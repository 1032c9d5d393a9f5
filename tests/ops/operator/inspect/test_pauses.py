"""How an operator names an input partition."""

import pytest
from aiokafka.structs import TopicPartition

from ops.operator.inspect.pauses import NoSuchPartition, parse_partition
from streams.kafka.topics import Topics

TOPICS = Topics("demo", "v2")


@pytest.mark.parametrize(
    ("text", "topic", "number"),
    [
        ("3", "demo.user.interactions", 3),
        ("user.interactions:0", "demo.user.interactions", 0),
        ("demo.user.interactions:1", "demo.user.interactions", 1),
        ("item.deltas.v2:2", "demo.item.deltas.v2", 2),
    ],
)
def test_names(text: str, topic: str, number: int) -> None:
    assert parse_partition(text, TOPICS) == TopicPartition(topic, number)


@pytest.mark.parametrize("text", ["", "x", "-1", "catalog.items:1", "user.interactions:", "item.deltas.v1:0"])
def test_what_is_no_input_partition(text: str) -> None:
    with pytest.raises(NoSuchPartition):
        parse_partition(text, TOPICS)
