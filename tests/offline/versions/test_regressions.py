"""Versions that differ in one thing, evaluated as workers evaluate them over the same simulated days, before the
gate."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from aiokafka.structs import ConsumerRecord

from agents.evaluation.prequential import PrequentialEvaluator, PrequentialSettings
from agents.followers.profiles import Profiles
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from offline.simulator.world import World
from offline.versions.gate import GateLimits, PromotionEvidence, reasons_against
from offline.versions.quality import ByPartition, Quality, paired
from offline.versions.verdict import only_undecided
from ranking.outcomes import decode, is_evaluated
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import Interaction, parse_interaction
from streams.contract.identities import PLAIN
from streams.kafka.topics import Topics
from tables.item_model import ItemModel
from tables.user import User

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
DAYS = 6
LEARNED_DAYS = 2
PEOPLE, ITEMS, EVENTS_A_DAY = 80, 200, 1_000


@dataclass
class Version:
    """What a version makes its lists from."""

    model: ItemModel
    ranker: Ranker


class Rows:
    """The user plane of a path, as an evaluate sees it."""

    def __init__(self, path: ProductionPath) -> None:
        self._path = path

    def known_as(self, event: Interaction) -> Interaction:
        return event

    def view(self, user_id: str) -> User | None:
        return self._path.user(user_id)


def popular_only() -> Ranker:
    """Nothing but popularity and trend, whoever the user is."""
    start = Ranker.start()
    return replace(start, weights=np.repeat(start.weights[:1], len(start.weights), axis=0))


def upside_down() -> Ranker:
    """A learner that was given the outcomes the wrong way round."""
    start = Ranker.start()
    return replace(start, weights=-start.weights)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, ByPartition]:
    """Of each version over the same events."""
    world = World(
        3,
        PEOPLE,
        ITEMS,
        start_ms=START_MS,
        events_per_s=EVENTS_A_DAY / 86_400,
        malformed_share=0.0,
        duplicate_share=0.0,
        new_items_per_1000=0.0,
    )
    events = [
        parse_interaction(record.value, record.due_ms)
        for record in world.events(until_ms=START_MS + DAYS * DAY_MS)
        if record.value is not None
    ]
    catalogue = [(row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in world.catalog()]
    future, path = ProductionPath(), ProductionPath()
    for each in (future, path):
        each.describe((item_id, item) for item_id, item in catalogue if item is not None)
    for event in events:
        future.learn(event)
    future.publish(events[-1].timestamp_ms)
    start = Ranker.start()
    versions = {
        "good": Version(path.model, start),
        "popular": Version(path.model, popular_only()),
        "broken": Version(path.model, upside_down()),
        "leaking": Version(future.model, start),
    }
    evaluators = {name: evaluator_of(version) for name, version in versions.items()}
    for offset, event in enumerate(events):
        if event.timestamp_ms > START_MS + LEARNED_DAYS * DAY_MS:
            evaluate_all(evaluators, path, event, offset)
        path.learn(event)
    return {name: written(evaluator) for name, evaluator in evaluators.items()}


def evaluator_of(version: Version) -> PrequentialEvaluator:
    settings = PrequentialSettings(1.0, 20, RerankSettings())
    profiles = Profiles(1, PLAIN).of(0)
    return PrequentialEvaluator(version, lambda *_: None, profiles, settings, Topics(), 0, lambda _: False)


def evaluate_all(
    evaluators: dict[str, PrequentialEvaluator], path: ProductionPath, event: Interaction, offset: int
) -> None:
    if not is_evaluated(event, path.user(event.user_id)):
        return
    path.publish(event.timestamp_ms)
    for evaluator in evaluators.values():
        list_evaluation = evaluator.before(event, event.event_id, Rows(path))  # type: ignore[arg-type]  # what it asks of a plane
        if list_evaluation is not None:
            at_ms = event.timestamp_ms
            evaluator.note(list_evaluation, ConsumerRecord("t", 0, offset, at_ms, 1, b"", b"", None, 0, 0, ()))


def written(evaluator: PrequentialEvaluator) -> ByPartition:
    (record,) = evaluator.outgoing()
    assert record.value is not None
    return {0: decode(record.value)}


def against(outcomes: dict[str, ByPartition], live: str, candidate: str) -> tuple[Quality, list[str]]:
    quality = paired(outcomes[live], outcomes[candidate])
    assert quality is not None
    return quality, reasons_against(PromotionEvidence(candidate, 1, [], live=live, quality=quality), GateLimits())


def test_all_versions_evaluated_the_same_events(outcomes: dict[str, ByPartition]) -> None:
    offsets = {tuple(rows[0]["offset"].tolist()) for rows in outcomes.values()}
    assert len(offsets) == 1
    assert len(offsets.pop()) > 300


@pytest.mark.parametrize("live", ["popular", "broken"])
def test_a_better_version_passes(outcomes: dict[str, ByPartition], live: str) -> None:
    quality, reasons = against(outcomes, live, "good")
    assert reasons == [], quality
    assert quality.differences[0].difference > 0


def test_the_same_version_passes(outcomes: dict[str, ByPartition]) -> None:
    assert against(outcomes, "good", "good")[1] == []


@pytest.mark.parametrize(("live", "candidate"), [("good", "broken"), ("good", "popular"), ("popular", "broken")])
def test_a_regression_is_refused(outcomes: dict[str, ByPartition], live: str, candidate: str) -> None:
    quality, reasons = against(outcomes, live, candidate)
    assert len(reasons) == 1, quality
    assert "lower by" in reasons[0]
    assert candidate != "broken" or not only_undecided(reasons), "only what is a little worse takes more events"


@pytest.mark.parametrize("live", ["good", "popular"])
def test_a_version_that_knows_the_future_is_refused(outcomes: dict[str, ByPartition], live: str) -> None:
    quality, reasons = against(outcomes, live, "leaking")
    assert len(reasons) == 1, quality
    assert "as if it knew what it is evaluated by" in reasons[0]
