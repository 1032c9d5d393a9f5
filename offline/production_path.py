"""The steps that the workers run, in one process without Kafka: fold, deltas, item planes, item model, list.

For evaluating the model on a log: every state transition and the ranking are the production code itself. What a worker
publishes on an interval is published here when a list is asked for, so that the lag is a number and not an accident.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, takewhile

from ranking.decision import Decisions
from ranking.examples import decode, example_before, wants
from ranking.examples import encode as encode_example
from ranking.learner import Learner
from ranking.pipeline import DEFAULT_RULES, listed_items, recommend
from ranking.ranker import Ranker
from ranking.recommendations import Recommendations
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction
from streams.contract.partitioning import partition_of
from streams.contract.units import WEEK_MS
from tables.cleaning import CleaningLimits
from tables.item_deltas import encode, route
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.sequence.sequence_model import SequenceModel
from tables.signal import Signal
from tables.user_plane import FoldLimits, User, UserPlane
from tables.vector_fit import fitted_rows

PARTITIONS = 4
EXAMPLE_SIZE = 100
BATCH = 500
PRIORS_EVERY_MS = 60_000
#: Vectors are fitted anew after so long, or when the log has grown by a fifth and by 1,000 events: some logs have an
#: order and no times.
FIT_EVERY_MS = WEEK_MS
FIT_GROWTH = 0.2
FIT_EVENTS = 1000
NO_CLEANING = replace(CleaningLimits(), bot_events_per_minute=0, training_events_per_day=0)
RETENTION_MS = FoldLimits().retention_ms


class ProductionPath:
    """One version of the whole system over a log that is given in the order of its offsets.

    `lag_ms` is how much later than its event the item model knows it, in event time; a user's own row knows at once.
    The bot rule and the daily share are off unless `cleaning` says otherwise; `rules` are those of re-ranking;
    users idle for longer than the retention are forgotten; `sequence_model` is the version's artefact, if it has one.
    What items learn is published when a list is asked for, and after `most_unpublished` events: publication is most of
    the cost of a log of which no lists are asked.
    """

    def __init__(
        self,
        lag_ms: int = 0,
        cleaning: CleaningLimits = NO_CLEANING,
        rules: RerankSettings = DEFAULT_RULES,
        retention_ms: int = RETENTION_MS,
        sequence_model: SequenceModel | None = None,
        most_unpublished: int = BATCH,
    ) -> None:
        self.model = ItemModel(sequence_model=sequence_model)
        self._learner = Learner.start(Ranker.start(sequence_model))
        self.ranker = self._learner.published
        self._fitted_at_ms = 0
        self._fitted_at_offset = 0
        self._lag_ms = lag_ms
        self._most_unpublished = most_unpublished
        self._rules = rules
        limits = FoldLimits(retention_ms=retention_ms, cleaning=cleaning, cached_users=1_000_000)
        self._users = [UserPlane(number, PARTITIONS, {}, limits) for number in range(PARTITIONS)]
        self._items = [ItemPlane(number, {}, ItemLimits()) for number in range(PARTITIONS)]
        self._signals: deque[tuple[int, Signal]] = deque()  # with their event times, ms
        self._unpublished = False
        self._offset = 0
        self._priors_at_ms = 0

    def describe(self, items: Iterable[tuple[str, CatalogItem]]) -> None:
        """Take over catalogue entries."""
        for item_id, item in items:
            self.model.apply_catalog(item_id, item)

    def learn(self, event: Interaction) -> None:
        """Fold one event; what it tells the items waits until a list is asked for or too many events wait."""
        if wants(event):
            self._teach(event)
        partition = partition_of(event.user_id.encode(), PARTITIONS)
        fold = self._users[partition].fold(event, event.user_id.encode(), self._offset, event.timestamp_ms)
        self._offset += 1
        if fold.signal is not None:
            self._signals.append((event.timestamp_ms, fold.signal))
        if len(self._signals) > self._most_unpublished:
            self.publish(event.timestamp_ms)

    def _teach(self, event: Interaction) -> None:
        """What the ranker learns from an event, as the decision was before it; the items are as known when last
        published, as they are in a worker."""
        user, now_ms = self.user(event.user_id), event.timestamp_ms
        example = example_before(event, user, None, self.model, self.ranker, now_ms, EXAMPLE_SIZE)
        if example is not None and self._learner.learn(decode(encode_example(example))):
            self.ranker = self._learner.published

    def _send(self, now_ms: int) -> None:
        """Fold what the items know at `now_ms`, in batches as workers do."""
        while self._signals and self._signals[0][0] <= now_ms - self._lag_ms:
            ready = takewhile(lambda pair: pair[0] <= now_ms - self._lag_ms, islice(self._signals, BATCH))
            batch = [signal for _, signal in ready]
            for _ in batch:
                self._signals.popleft()
            for target, entries in route(batch, PARTITIONS).items():
                self._items[target].apply(encode(entries, 0, entries.watermark_ms))
            self._unpublished = True

    def user(self, user_id: str) -> User | None:
        """The user's row as it is now."""
        return self._users[partition_of(user_id.encode(), PARTITIONS)].view(user_id)

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The user's list at `now_ms`, best first."""
        self.publish(now_ms)
        listed = listed_items(self.user(user_id), None, self.model, self.ranker, now_ms, size, self._rules)
        return [self.model.ids[index] for index in listed.tolist()]

    def candidates(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """What is scored for the user's list of `size` items at `now_ms`."""
        decisions = self.decisions(user_id, now_ms, size)
        return [self.model.ids[index] for index in decisions.items.values.tolist()]

    def decisions(self, user_id: str, now_ms: int, size: int) -> Decisions:
        """What the user's list of `size` items at `now_ms` is made from."""
        self.publish(now_ms)
        return Decisions.of([(self.user(user_id), None)], self.model, self.ranker, now_ms, size)

    def list_for(self, user_id: str, now_ms: int, size: int, rules: RerankSettings | None = None) -> Recommendations:
        """The user's list at `now_ms` with scores and reasons; `rules` for this list only, when given."""
        self.publish(now_ms)
        return recommend(self.user(user_id), None, self.model, self.ranker, now_ms, size, rules or self._rules)

    def publish(self, now_ms: int) -> None:
        """Bring the item model to what it would know at `now_ms`."""
        self._send(now_ms)
        if self._unpublished:
            self._unpublished = False
            for plane in self._items:
                for key, value in plane.changes():
                    self.model.apply(key, value)
        if now_ms - self._priors_at_ms >= PRIORS_EVERY_MS:
            self._priors_at_ms = now_ms
            self.model.refresh_priors(now_ms)
            new = self._offset - self._fitted_at_offset
            if now_ms - self._fitted_at_ms >= FIT_EVERY_MS or new >= max(FIT_EVENTS, FIT_GROWTH * self._offset):
                self._fitted_at_ms, self._fitted_at_offset = now_ms, self._offset
                for key, value in fitted_rows(self.model, now_ms):
                    self.model.apply(key, value)
            self.model.refresh_vectors()
