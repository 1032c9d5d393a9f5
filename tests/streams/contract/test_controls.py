"""Keys of pauses name a version and an input partition, and nothing else is read as one."""

import pytest
from aiokafka.structs import TopicPartition

from streams.contract.controls import REDRIVE_KEY, pause_key, paused_partition
from streams.contract.reasons import InvalidEvent

PARTITION = TopicPartition("demo.user.interactions", 3)


def test_a_pause_is_of_one_version() -> None:
    key = pause_key("v1", PARTITION)
    assert paused_partition("v1", key) == PARTITION
    assert paused_partition("v2", key) is None


@pytest.mark.parametrize(
    "rest",
    ["topic", "topic:x", "topic:", "topic:-1", "topic:1:2", "topic:2147483648", "topic:\u0665", "topic:" + "9" * 5_000],
)
def test_a_pause_of_what_is_no_partition_is_refused(rest: str) -> None:
    with pytest.raises(InvalidEvent):
        paused_partition("v1", f"pause:v1:{rest}".encode())


@pytest.mark.parametrize("key", [b"", REDRIVE_KEY, b"pause:v2:topic:x", b"\xff"])
def test_other_keys(key: bytes) -> None:
    assert paused_partition("v1", key) is None
