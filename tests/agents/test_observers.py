"""What looks at an event before it is folded gets it under stored ids, which are made once."""

import hmac
from collections import Counter
from typing import Any

import numpy as np
import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from small_world import NOW_MS, SmallWorld

from agents.dead_letters import DeadLetters
from agents.evaluation.live_quality import SAMPLE_EVERY, LiveQuality
from agents.evaluation.prequential import PrequentialEvaluator, PrequentialSettings
from agents.followers.erasures import Erasures
from agents.followers.profiles import Profiles
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.observers import Observers
from agents.training.examples import Examples
from ranking.examples import wants
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.events import EventType, Interaction
from streams.contract.identities import Identities
from streams.kafka.topics import Topics
from tables.user_plane import FoldLimits, UserPlane

TOPICS = Topics(version="v2")
HASHED = Identities(b"0123456789abcdef0123456789abcdef")
#: An event of the ranker's sample, by its id as it is sent.
WANTED = next(
    name for name in map("event-{}".format, range(10_000)) if wants(Interaction(name, EventType.VIEW, "u", "a", NOW_MS))
)


class World:
    """A partition of a version with a secret, of whose events all are looked at in every way there is."""

    def __init__(self) -> None:
        small = SmallWorld()
        for number in range(10):
            small.sends(f"abc{number}", "abc")
        small.publish()
        self.items: Any = type("Items", (), {"model": small.model, "ranker": Ranker.start()})()
        self.asked: list[str] = []
        nothing, profiles = (lambda: 0), Profiles(1, HASHED).of(0)
        evaluator = PrequentialEvaluator(
            self.items,
            lambda user, _: self.asked.append(user),
            profiles,
            PrequentialSettings(1.0, 20, RerankSettings()),
            TOPICS,
            0,
            lambda _: True,
            nothing,
        )
        self.observers = Observers(
            LiveQuality(self._shown, small.model), evaluator, Examples(self.items, profiles, 20, "examples", nothing)
        )
        lists: Any = None
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, {}, FoldLimits(), identities=HASHED),
            lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("letters"),
            Erasures(),
            self.observers,
        )

    def _shown(self, user: str) -> np.ndarray[Any, Any]:
        self.asked.append(user)
        return np.array([0, 1], np.int32)

    def event(self, offset: int, event_id: str, item: str, key: bytes = b"u") -> None:
        value = {"event_type": "view", "user_id": "u", "item_id": item, "timestamp": NOW_MS, "event_id": event_id}
        self.step.fold(ConsumerRecord("t", 0, offset, NOW_MS, 1, key, orjson.dumps(value), None, 0, 0, ()))


def test_an_event_is_hashed_once_however_many_look_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world, hashed = World(), Counter[bytes]()
    world.event(0, "first", "a")
    digest = hmac.digest

    def counted(key: bytes, what: bytes, name: str) -> bytes:
        hashed[what] += 1
        return digest(key, what, name)

    monkeypatch.setattr(hmac, "digest", counted)
    world.event(SAMPLE_EVERY, WANTED, "b")
    assert set(hashed.values()) == {1}, hashed
    assert len(hashed) == 2, "the user's id and the event's"
    assert set(world.asked) == {HASHED.of("u")}
    assert len(world.asked) >= 2, "live quality and prequential evaluation asked"
    assert len(world.step._taught) == 1, "the ranker's sample goes by the id as it was sent"


def test_an_event_of_another_partition_or_key_is_looked_at_by_nobody() -> None:
    world = World()
    world.event(0, WANTED, "a", key=b"somebody else")
    assert world.asked == []
    (dead_letter,) = world.step._dead
    assert b"wrong_partition" in dict(dead_letter.headers).values()


def test_while_there_is_more_to_do_than_can_be_done_nobody_looks() -> None:
    world = World()
    world.event(0, "first", "a")
    asked = list(world.asked)
    world.observers.yields = lambda: True
    world.event(SAMPLE_EVERY, WANTED, "b")
    assert (world.asked, world.step._taught, world.observers.unseen) == (asked, [], 1)
    assert world.observers.tally.folded == 2
