"""What a worker knows before it folds for users whose partitions it has come to own."""

import pytest
from aiokafka.structs import TopicPartition
from small_worker_config import config_for

from agents.followed import Followed
from agents.followers.follower import Follower


async def test_a_new_owner_knows_who_is_linked_and_which_parts_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a link that came after the start of the process it would make lists without what the guest did, and compare
    what former owners wrote with links that hold no more."""
    known: list[str] = []

    async def catch_up(follower: Follower, topic: str) -> None:
        assert topic in follower._topics
        known.append(topic)

    async def follow(follower: Follower, *_: object) -> None:
        assert set(follower._topics) == {topics.profiles, topics.misplaced_profiles, topics.guest_parts}

    monkeypatch.setattr(Follower, "catch_up", catch_up)
    monkeypatch.setattr(Follower, "follow", follow)
    config = config_for("nowhere", "ns-")
    topics = config.topics
    await Followed(config, lambda: 0).know_users({TopicPartition(config.topics.interactions, 1)})
    assert known == [topics.erasure, topics.links, topics.guest_parts]
