"""When a partition commits, and that lists do not wait for it."""

import asyncio
from collections.abc import Collection
from typing import Any

import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters
from agents.delivery.commit_pace import CommitPace, at_once
from agents.delivery.step import Effects
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.failed_lists import FailedLists
from streams.contract.erasure import ErasureMarker
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def fold(pace: CommitPace, count: int) -> None:
    for _ in range(count):
        pace.folded()


def test_whoever_was_quiet_commits_at_once_and_whoever_is_busy_in_a_while() -> None:
    clock = Clock()
    pace = CommitPace(0.5, 1_000, clock)
    fold(pace, 1)
    assert pace.is_due()
    pace.committed()
    clock.now_s += 0.4
    fold(pace, 1)
    assert not pace.is_due()
    clock.now_s += 0.1
    assert pace.is_due()


def test_many_records_do_not_wait_for_the_interval() -> None:
    pace = CommitPace(0.5, 10, Clock())
    pace.committed()
    fold(pace, 9)
    assert not pace.is_due()
    fold(pace, 1)
    assert pace.is_due()
    pace.committed()
    fold(pace, 1)
    assert not pace.is_due()


def test_what_is_no_record_does_not_wait() -> None:
    pace = CommitPace(0.5, 10, Clock())
    pace.committed()
    assert pace.is_due()


@pytest.mark.parametrize("pace", [at_once(), CommitPace(0.0, 1_000, Clock())])
def test_without_an_interval_every_batch_is_committed(pace: CommitPace) -> None:
    for _ in range(3):
        fold(pace, 2)
        assert pace.is_due()
        pace.committed()


class Lists:
    """Stands in for the keeper of lists: notes whose lists were made, as of which offset."""

    def __init__(self) -> None:
        self.failed = FailedLists()
        self.made: list[tuple[set[str], int]] = []
        self.made_at_once: set[str] = set()

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None:
        if users:
            self.made.append((set(users), next_offset))
        if at_once:
            self.made_at_once.update(users)

    async def forget(self, users: Collection[str]) -> bool:
        return True


class Partition:
    """One partition of interactions that was busy a moment ago."""

    def __init__(self) -> None:
        self.clock, self.lists, self.erasures = Clock(), Lists(), Erasures()
        self.others_wait = False
        self.position = 0
        lists: Any = self.lists
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, {}, FoldLimits(), self.erasures.of(0).ends),
            lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("dlq"),
            self.erasures,
            pace=CommitPace(0.5, 10, self.clock),
            others_wait=lambda: self.others_wait,
        )
        assert self.batch("u0") is not None

    def batch(self, *users: str, force: bool = False) -> Effects | None:
        for user in users:
            event = {"event_type": "view", "user_id": user, "item_id": f"i{self.position}", "timestamp": NOW_MS}
            record: Any = ConsumerRecord(
                "t", 0, self.position, NOW_MS, 1, user.encode(), orjson.dumps(event), None, 0, 0, ()
            )
            self.step.fold(record)
            self.position += 1
        return asyncio.run(self.step.effects(self.position, force=force))


def test_lists_are_made_after_each_batch_and_rows_are_written_once() -> None:
    partition = Partition()
    assert partition.batch("u1", "u2") is None
    assert partition.batch("u1") is None
    partition.clock.now_s += 0.5
    effects = partition.batch()
    assert effects is not None
    assert partition.lists.made == [({"u0"}, 1), ({"u1", "u2"}, 3), ({"u1"}, 4)]
    assert len([key for key, _ in effects.changes if b"u1" in key]) == len(
        {key for key, _ in effects.changes if b"u1" in key}
    )
    assert {b"u1", b"u2"} <= {key[1:] for key, _ in effects.changes}
    assert len(effects.outgoing) == 1, "one record of deltas for all of it"
    assert partition.batch("u3") is None, "from then on it is busy again"


def test_what_others_wait_for_does_not_wait() -> None:
    partition = Partition()
    assert partition.batch("u1") is None
    partition.others_wait = True
    assert partition.batch("u1") is not None


def test_idle_users_are_dropped_with_what_is_committed_anyway() -> None:
    partition = Partition()
    partition.step._idle.ready.append("u0")
    assert partition.batch("u1") is None
    partition.clock.now_s += 1
    assert partition.batch() is not None
    assert not partition.step.pending()


def test_who_gives_a_partition_away_commits() -> None:
    partition = Partition()
    assert partition.batch("u1", force=True) is not None
    assert partition.lists.made_at_once == {"u1"}, "none may be left for after the commit"


def test_erasures_do_not_wait() -> None:
    partition = Partition()
    marker: Any = ConsumerRecord(
        "erasure", 0, 0, NOW_MS, 1, b"u1", ErasureMarker("u1", NOW_MS, 2).encode(), None, 0, 0, ()
    )
    assert partition.batch("u1") is None
    partition.erasures.apply(marker)
    effects = partition.batch()
    assert effects is not None
    assert not [key for key, value in effects.changes if b"u1" in key and value is not None]
