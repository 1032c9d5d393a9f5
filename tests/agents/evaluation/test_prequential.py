"""Outcomes of evaluated events: which list is looked at, what counts, and what leaves the worker."""

from typing import Any

import numpy as np
import orjson
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray
from small_sequence_model import small_sequence_model
from small_world import NOW_MS, SmallWorld

from agents.dead_letters import DeadLetters
from agents.delivery.outgoing import Outgoing
from agents.evaluation.prequential import PrequentialEvaluator, PrequentialSettings
from agents.followers.erasures import Erasures
from agents.followers.profiles import Profiles
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.observers import Observers, Tally
from ranking.outcomes import REJECTED, decode, group_of
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.identities import PLAIN
from streams.kafka.topics import Topics
from tables.sequence.sequence_columns import SequenceColumns
from tables.user_plane import FoldLimits, UserPlane

TOPICS = Topics(version="v2")
MINUTE_MS = 60_000


class RankingModels:
    def __init__(self) -> None:
        small = SmallWorld()
        for number in range(10):
            small.sends(f"abc{number}", "abc")
        small.publish()
        self.model, self.ranker = small.model, Ranker.start()


class World:
    """One partition of a version that evaluates; `answers` says whether it is the one that leads."""

    def __init__(self, share: float = 1.0, *, answers: bool = True) -> None:
        self.knowledge = RankingModels()
        self.current_list: dict[tuple[str, int], NDArray[np.int32]] = {}
        lists: Any = None
        self.tally = Tally()
        self.evaluator = PrequentialEvaluator(
            self.knowledge,
            lambda user, offset: self.current_list.get((user, offset)),
            Profiles(1, PLAIN).of(0),
            PrequentialSettings(share, 20, RerankSettings()),
            TOPICS,
            0,
            lambda _: answers,
        )
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, {}, FoldLimits()),
            lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("dlq"),
            Erasures(),
            Observers(evaluator=self.evaluator, tally=self.tally),
        )
        self.offset = -1

    def event(self, user: str, item: str, event_id: str = "", at_ms: int | None = None, **more: Any) -> int:
        """The offset of an event a minute after the last one, or at a time."""
        self.offset += 1
        value = {
            "event_type": "view",
            "user_id": user,
            "item_id": item,
            "timestamp": NOW_MS + self.offset * MINUTE_MS if at_ms is None else at_ms,
            "event_id": event_id or f"e{self.offset}",
            **more,
        }
        append_ms = NOW_MS + self.offset * MINUTE_MS
        self.step.fold(
            ConsumerRecord("t", 0, self.offset, append_ms, 1, user.encode(), orjson.dumps(value), None, 0, 0, ())
        )
        return self.offset

    def items(self, names: str) -> NDArray[np.int32]:
        return np.array([self.knowledge.model.index(name) for name in names], np.int32)

    def places(self) -> dict[int, int]:
        return {int(row["offset"]): int(row["place"]) for row in outcomes(self.evaluator.outgoing())}


def outcomes(outgoing: list[Outgoing]) -> Any:
    values = [record.value for record in outgoing if record.topic == TOPICS.judged_events and record.value]
    return np.concatenate([decode(value) for value in values]) if values else []


def test_completions_above_100_are_counted_once() -> None:
    world = World()
    for event_id in ("first", "second", "first"):
        world.event("u", "a", event_id, completion_pct=100.5)
    world.event("u", "a", completion_pct=100)
    assert (world.tally.completions_clamped, world.tally.folded) == (2, 3)


def test_the_current_list_is_evaluated_if_it_reflects_every_event() -> None:
    world = World()
    first = world.event("u", "a")
    world.current_list["u", first] = world.items("cb")
    second = world.event("u", "b")
    assert world.places()[second] == 1
    third = world.event("u", "c")  # the list does not reflect the second event: one is made
    assert world.places()[third] == 0


def test_a_list_is_made_of_the_row_before_the_event() -> None:
    world = World()
    assert world.event("new", "nowhere") == 0
    assert world.places() == {0: -1}
    listed = world.event("new", "a")
    assert world.places()[listed] >= 0
    assert world.event("new", "a")
    assert world.places() == {}  # met before: the row was changed after the look


def test_no_outcome_tells_of_an_event_that_the_sequence_model_was_trained_with() -> None:
    world = World()
    model = world.knowledge.model
    model.sequence = SequenceColumns(small_sequence_model(["a", "b"], trained_until_ms=NOW_MS + MINUTE_MS))
    model.sequence.follow(model.keys.keys[: len(model)])
    offsets = [world.event("u", item) for item in "abc"]
    assert list(world.places()) == offsets[2:]


def test_only_what_was_folded_counts_and_each_once() -> None:
    world = World()
    world.event("u", "a", "one")
    world.event("u", "b", "one")  # a duplicate
    world.event("u", "c", at_ms=NOW_MS + 2 * MINUTE_MS - 365 * 86_400_000)  # too old
    places = world.places()
    assert places.keys() == {0, 2}
    assert places[0] > REJECTED == places[2]
    assert world.tally.folded == 1
    assert world.evaluator.outgoing() == []
    world.event("u", "c")
    world.step.reset()
    assert world.evaluator.outgoing() == []


def test_outcomes_name_no_user() -> None:
    world = World()
    world.event("somebody", "a")
    record = next(record for record in world.evaluator.outgoing() if record.topic == TOPICS.judged_events)
    assert record.value is not None
    assert b"somebody" not in record.value
    assert decode(record.value)["group"].tolist() == [group_of("somebody")]


def test_two_versions_evaluator_the_same_events() -> None:
    worlds = World(0.5), World(0.5, answers=False)
    for world in worlds:
        for number in range(200):
            world.event(f"u{number % 7}", "abc"[number % 3])
    a, b = (world.places() for world in worlds)
    assert a.keys() == b.keys()
    assert 0 < len(a) < 30


def test_the_leading_version_says_what_it_listed_of_a_part() -> None:
    world, silent = World(), World(answers=False)
    for made in (world, silent):
        for number in range(400):
            made.event(f"u{number}", "a")
    audited = [record for record in world.evaluator.outgoing() if record.topic == TOPICS.predictions]
    assert 1 <= len(audited) <= 12
    assert [r for r in silent.evaluator.outgoing() if r.topic == TOPICS.predictions] == []
    assert audited[0].value is not None
    said = orjson.loads(audited[0].value)
    assert said["user_id"].encode() == (audited[0].key or b"").split(b"\0")[0]
    assert said["items"].index("a") == said["place"]
    assert said["model_version"] == "v2"
