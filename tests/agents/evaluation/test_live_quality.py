"""The live HR@10: which events are evaluated, by which list, and what counts once."""

from typing import Any

import numpy as np
import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray
from small_world import NOW_MS, SmallWorld

from agents.dead_letters import DeadLetters
from agents.evaluation import live_quality
from agents.evaluation.live_quality import LiveQuality
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.observers import Observers
from ops.operator.inspect.lag import Lag
from tables.user_plane import FoldLimits, UserPlane


class World:
    """One partition whose users were all given the same list."""

    def __init__(self, listed: str) -> None:
        small = SmallWorld()
        for number in range(10):
            small.sends(f"abc{number}", "abc")
        small.publish()
        shown: NDArray[np.int32] = np.array([small.model.index(item) for item in listed], np.int32)
        lists: Any = None
        self.quality = LiveQuality(lambda user: None if user == "without" else shown, small.model)
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, {}, FoldLimits()),
            lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("dlq"),
            Erasures(),
            Observers(self.quality),
        )
        self.offset = 0

    def event(self, user: str, item: str, event_id: str | None = None, *, again: bool = False) -> tuple[int, int]:
        self.offset += not again
        value = {"event_type": "view", "user_id": user, "item_id": item, "timestamp": NOW_MS}
        if event_id is not None:
            value["event_id"] = event_id
        self.step.fold(
            ConsumerRecord("t", 0, self.offset, NOW_MS, 1, user.encode(), orjson.dumps(value), None, 0, 0, ())
        )
        return self.quality.evaluated, self.quality.hits_at_10


@pytest.fixture(autouse=True)
def _all_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_quality, "SAMPLE_EVERY", 1)


def test_hits_and_misses() -> None:
    world = World("ab")
    assert world.event("u", "b") == (1, 1)
    assert world.event("u", "c") == (2, 1)
    assert world.event("v", "a") == (3, 2)


def test_the_first_ten_count() -> None:
    world = World("ccccccccccab")
    assert world.event("u", "a") == (1, 0)
    assert world.event("u", "c") == (2, 1)


def test_what_is_not_evaluated() -> None:
    world = World("ab")
    assert world.event("without", "a") == (0, 0)
    assert world.event("u", "a", "one") == (1, 1)
    assert world.event("u", "a") == (1, 1)  # met before
    assert world.event("u", "b", "one") == (1, 1)  # a duplicate
    assert world.event("u", "b", "two") == (2, 2)
    assert world.event("u", "b", "two", again=True) == (2, 2)  # delivered again


def test_a_sample_by_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_quality, "SAMPLE_EVERY", 4)
    world = World("ab")
    evaluated = [world.event(f"u{number}", "a")[0] for number in range(1, 9)]
    assert evaluated == [0, 0, 0, 1, 1, 1, 1, 2]


def test_lag_puts_the_workers_together() -> None:
    heartbeats = [
        {"next_items_judged": 30, "next_items_in_top_10": 6},
        {"next_items_judged": 10, "next_items_in_top_10": 4},
    ]
    assert Lag("g", [], heartbeats).hit_rate_at_10() == (0.25, 40)
    assert Lag("g", [], heartbeats).as_dict()["live_quality"] == {"hr_at_10": 0.25, "judged": 40}
    for workers in (None, [], [{"pid": 1}]):
        assert Lag("g", [], workers).hit_rate_at_10() is None
        assert Lag("g", [], workers).as_dict()["live_quality"] == {"hr_at_10": None, "judged": 0}
