"""Keys of pauses name a version and an input partition, and nothing else is read as one."""

import pytest
from aiokafka.structs import TopicPartition

from streams.controls import REDRIVE_KEY, pause_key, paused_partition

PARTITION = TopicPartition("demo.user.interactions", 3)


def test_a_pause_is_of_one_version() -> None:
    key = pause_key("v1", PARTITION)
    assert paused_partition("v1", key) == PARTITION
    assert paused_partition("v2", key) is None


@pytest.mark.parametrize("key", [b"", REDRIVE_KEY, b"pause:v1:topic", b"pause:v1:topic:x", b"\xff"])
def test_other_keys(key: bytes) -> None:
    assert paused_partition("v1", key) is None
