"""Leaks that are put into a replay on purpose, each of them found; and none where there is none."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from small_world import NOW_MS, SmallWorld

from agents.dead_letters import DeadLetters
from agents.delivery.outgoing import Outgoing
from agents.evaluation.prequential import PrequentialEvaluator, PrequentialSettings
from agents.followers.erasures import Erasures
from agents.followers.model_watermark import ModelWatermark, reached_in
from agents.followers.profiles import Profiles
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.failed_lists import FailedLists
from agents.observers import Observers
from agents.replay.coordinator import ReplayCoordinator
from offline.replay.leaks import MIN_EXAMPLES, cross_partition_skew, labels_in_features, read_past_the_watermark
from ranking import features
from ranking.examples import Example
from ranking.outcomes import Outcomes, decode
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.identities import PLAIN
from streams.contract.partitioning import partition_of
from streams.kafka.topics import Topics
from tables import item_rows
from tables.item_rows import ModelWatermarkRow
from tables.user_plane import FoldLimits, UserPlane

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
SKEW_MS = HOUR_MS
APPENDED_MS = NOW_MS + 1_000 * HOUR_MS
TOPICS = Topics(version="v2")


class Nobody:
    """A keeper of lists that writes none."""

    failed = FailedLists()

    async def refresh(self, *_: Any, at_once: bool) -> None: ...


class Known:
    """An item model whose epochs wait, or do not."""

    def __init__(self, max_model_watermark_ms: Callable[[], float]) -> None:
        small = SmallWorld()
        for number in range(10):
            small.sends(f"abc{number}", "abc")
        small.publish()
        self.model, self.ranker = small.model, Ranker.start()
        self.model_watermark = ModelWatermark(lambda _: None, 1, max_model_watermark_ms)

    def published(self, reached_ms: int) -> None:
        """The item plane publishes what it learned up to a time."""
        value = item_rows.MODEL_WATERMARK_CODEC.encode(ModelWatermarkRow(reached_ms=reached_ms))
        self.model_watermark.take(ConsumerRecord("m", 0, 0, 0, 1, item_rows.MODEL_WATERMARK, value, None, 0, 0, ()))
        self.model_watermark.release()


def replay_of(partitions: int, max_skew_ms: int, notes: Callable[[], Mapping[int, str]]) -> ReplayCoordinator:
    """Of a version that serves nobody, as long as it catches up."""
    return ReplayCoordinator("t", partitions, max_skew_ms, lambda: False, notes)


class Partition:
    """One partition of interactions of a replay: a log of an event a minute, and the step that folds it."""

    def __init__(
        self,
        number: int,
        partitions: int,
        coordinator: ReplayCoordinator,
        evaluator: PrequentialEvaluator | None = None,
    ) -> None:
        lists: Any = Nobody()
        self.number = number
        self.noted = ""
        self.step = InteractionsStep(
            lambda: UserPlane(number, partitions, {}, FoldLimits()),
            lists,
            OutgoingDeltas("deltas", number, 1),
            DeadLetters("dlq"),
            Erasures(),
            Observers(evaluator=evaluator),
        )
        self.gate = coordinator.of(number, lambda: self.step.plane.highest_ms)
        users = [user for user in map("u{}".format, range(1_000)) if partition_of(user.encode(), partitions) == number]
        self.log = [record(offset, users[offset % 50]) for offset in range(600)]

    async def work(self, count: int) -> list[Outgoing]:
        """Folds what may be of the next records."""
        batch = self.log[:count]
        if not batch:
            return []
        allowed = self.gate.allowed(batch)
        if allowed < len(batch):
            self.gate.wait(batch[allowed])
        else:
            self.gate.go()
        for each in batch[:allowed]:
            self.step.fold(each)
        del self.log[:allowed]
        self.noted = self.gate.note()
        return (await self.step.effects(0, force=False)).outgoing


def record(offset: int, user: str) -> ConsumerRecord:
    at_ms = NOW_MS + offset * MINUTE_MS
    event = {"event_type": "view", "user_id": user, "item_id": "abc"[offset % 3], "timestamp": at_ms}
    return ConsumerRecord("t", 0, offset, APPENDED_MS, 1, user.encode(), orjson.dumps(event), None, 0, 0, ())


# -- cross-partition skew --------------------------------------------------------------------------------------------


async def steps_of(max_skew_ms: int) -> list[tuple[int, int]]:
    """What two partitions tell the item plane, one of which is worked on five times as often."""
    chance = random.Random(7)
    coordinator = replay_of(2, max_skew_ms, lambda: {each.number: each.noted for each in partitions})
    partitions = [Partition(number, 2, coordinator) for number in (0, 1)]
    told = []
    while any(each.log for each in partitions):
        partition = partitions[chance.random() < 1 / 6]
        told += [
            (partition.number, reached_in(out.headers))
            for out in await partition.work(40)
            if out.topic == "deltas" and out.key == b"%d" % partition.number
        ]
        if not partition.log:  # nothing is left of it
            partition.noted = str(APPENDED_MS)
    return told


async def test_partitions_that_wait_for_each_other_leave_no_skew() -> None:
    told = await steps_of(SKEW_MS)
    assert len(told) > 20
    assert cross_partition_skew(told, SKEW_MS) == []


async def test_partitions_that_do_not_wait_are_found_out() -> None:
    (found,) = cross_partition_skew(await steps_of(10**15), SKEW_MS)
    assert "limit 3600 s" in found


def test_late_events_are_no_skew() -> None:
    assert cross_partition_skew([(0, 10_000), (1, 10_000), (0, 90_000), (1, 10_000)], 100_000) == []
    assert cross_partition_skew([(0, 10_000), (1, 10_000), (0, 900_000), (1, 10_000)], 100_000) == []


# -- a read past the epoch -------------------------------------------------------------------------------------------


async def evaluated(*, waits: bool, honest: bool = True) -> list[Outcomes]:
    """A partition that is evaluated while the item plane publishes more than it may know; an evaluate that is not
    honest does not ask how much that is."""
    coordinator = replay_of(1, SKEW_MS, dict)
    known = Known(lambda: partition.step.plane.highest_ms if waits else float("inf"))
    evaluator = PrequentialEvaluator(
        known,
        lambda *_: None,
        Profiles(1, PLAIN).of(0),
        PrequentialSettings(1.0, 20, RerankSettings()),
        TOPICS,
        0,
        lambda _: False,
        lambda: known.model_watermark.feature_cutoff_ms,
    )
    if not honest:
        evaluator._is_before_cutoff = lambda *_: False  # type: ignore[method-assign]
    partition = Partition(0, 1, coordinator, evaluator)
    found = []
    while partition.log:
        outgoing = await partition.work(30)
        known.published(partition.step.plane.highest_ms)
        known.published(partition.step.plane.highest_ms + 10 * HOUR_MS)  # of another partition, which is ahead
        found += [decode(out.value) for out in outgoing if out.topic == TOPICS.judged_events and out.value]
    return found


async def test_events_are_evaluated_by_epochs_that_are_not_later() -> None:
    outcomes = await evaluated(waits=True)
    assert sum(map(len, outcomes)) > 100
    assert any((rows["feature_cutoff_ms"] > 0).any() for rows in outcomes)
    assert read_past_the_watermark(outcomes) == []


async def test_epochs_that_do_not_wait_leave_nothing_to_evaluator() -> None:
    outcomes = await evaluated(waits=False)
    assert sum(map(len, outcomes)) <= 30, "none after the first publication"
    assert read_past_the_watermark(outcomes) == []


async def test_a_read_past_the_watermark_is_found_out() -> None:
    (found,) = read_past_the_watermark(await evaluated(waits=False, honest=False))
    assert "evaluated with items that knew later ones" in found


# -- a label in the features -----------------------------------------------------------------------------------------


def examples(count: int, leak: Callable[[np.ndarray[Any, Any]], None] = lambda _: None) -> list[Example]:
    """Of candidates among which the chosen one is often the best by every feature, but not always."""
    generator = np.random.default_rng(3)
    made = []
    for _ in range(count):
        matrix = generator.random((9, features.COUNT)).astype(np.float32)
        matrix[0] += generator.random(features.COUNT).astype(np.float32)
        leak(matrix)
        made.append(Example(3, True, matrix))
    return made


def test_features_that_are_good_tell_no_label() -> None:
    assert labels_in_features(examples(200)) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_label_in_the_features_is_found_out(sign: int) -> None:
    def leak(matrix: np.ndarray[Any, Any]) -> None:
        matrix[0, 4] = sign * 10

    (found,) = labels_in_features(examples(200, leak))
    assert features.NAMES[4] in found
    assert labels_in_features(examples(MIN_EXAMPLES - 1, leak)) == [], "too few to tell"
