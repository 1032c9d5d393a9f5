"""Applies `catalog.items`, `item.model`, `ranker.weights` and the operators' rules to what all lists of this process
are made from."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY
from agents.followers.follower import Follower, do_nothing
from agents.followers.model_watermark import ModelWatermark
from agents.followers.recent_changes import RecentChanges
from agents.followers.refusals import Report, guarded, say
from ranking.learner import RANKER_KEY, ranker_of
from ranking.ranker import Ranker
from streams.contract.catalog import DEFAULT_MATURITY, CatalogItem, Maturity
from streams.contract.rules import OperatorRule
from streams.contract.unreadable import read_catalog_item
from streams.kafka.log_position import LogPosition
from streams.kafka.topics import Topics
from tables.item_model import ItemModel
from tables.sequence.sequence_model import SequenceModel


class ItemFollower:
    """Owns the process's `ItemModel` and `Ranker`, and remembers which catalogue entries changed.

    `max_model_watermark_ms` is the event time that the model must not know more of; see
    `agents.followers.model_watermark`."""

    def __init__(
        self,
        bootstrap: str,
        topics: Topics,
        partitions: int = 0,
        max_model_watermark_ms: Callable[[], float] = lambda: inf,
        report: Report = say,
        drain: Callable[[], Awaitable[None]] = do_nothing,
        default_maturity: Maturity = DEFAULT_MATURITY,
        sequence_model: SequenceModel | None = None,
    ) -> None:
        self.model = ItemModel(default_maturity, sequence_model)
        self._first_ranker = Ranker.start(sequence_model)
        self.ranker = self._first_ranker
        self.published_ms = 0
        """When the newest record of `item.model` was appended that is applied, ms since the epoch; 0 = none is."""
        self.model_watermark = ModelWatermark(guarded(self._apply_model, report), partitions, max_model_watermark_ms)
        self._changed, self._said = RecentChanges[str](), RecentChanges[str]()
        self._follower = Follower(
            bootstrap,
            {
                topics.catalog: self._apply_catalogue,
                topics.item_model: self.model_watermark.take,
                topics.ranker_weights: self._apply_ranker,
            },
            self.model_watermark.release,
            report,
            drain,
        )

    @property
    def catalogue_version(self) -> int:
        """Grows with every change of the catalogue but those of titles: what lists follow from."""
        return self._changed.count

    @property
    def records_said(self) -> int:
        """Grows with every record of the catalogue."""
        return self._said.count

    @property
    def feature_cutoff_ms(self) -> int:
        """The newest event time that the model may know of; 0 = not known."""
        return self.model_watermark.feature_cutoff_ms

    async def start(self) -> None:
        """Returns when the model contains everything that was published before the call."""
        await self._follower.start()

    def places(self) -> dict[TopicPartition, LogPosition]:
        """See `Follower.places`."""
        return self._follower.places()

    async def has_read(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before the offsets of `item.model` is read, and known unless it must wait."""
        return await self._follower.has_read(ends)

    async def stop(self) -> None:
        """Stops following."""
        await self._follower.stop()

    def changed_since(self, catalogue_version: int) -> frozenset[str] | None:
        """Items whose entry changed after `catalogue_version`; None when that is too long ago to tell."""
        return _names(self._changed.since(catalogue_version))

    def said_since(self, records_said: int) -> frozenset[str] | None:
        """Items of which the catalogue said something after so many records; None when that is too long ago to tell."""
        return _names(self._said.since(records_said))

    def follow_rules(self, rules: Sequence[OperatorRule]) -> None:
        """These rules of operators are in force from now on: what they block, or do no longer, is what the catalogue
        says."""
        for index in self.model.rules.follow(rules):
            self._said.note(self.model.ids[index])
            self._changed.note(self.model.ids[index])

    def _apply_catalogue(self, record: ConsumerRecord) -> None:
        """Takes what holds of an item; then raises `InvalidEvent` when that is not what its record says."""
        item_id, item, problem = read_catalog_item(record.key, record.value)
        if item_id is not None:
            self._take(item_id, item)
        if problem is not None:
            raise problem

    def _take(self, item_id: str, item: CatalogItem | None) -> None:
        before = self._entry(item_id)
        self.model.apply_catalog(item_id, item)
        self._said.note(item_id)
        if self._entry(item_id) != before:
            self._changed.note(item_id)

    def _entry(self, item_id: str) -> tuple[object, ...]:
        """What lists follow from; nothing of an item that was never heard of."""
        index = self.model.index(item_id)
        return self.model.catalog.entry(index) if index >= 0 else ()

    def _apply_ranker(self, record: ConsumerRecord) -> None:
        if record.key == RANKER_KEY:
            first = self._first_ranker
            self.ranker = first if record.value is None else ranker_of(record.value, first)

    def _apply_model(self, record: ConsumerRecord) -> None:
        self.published_ms = max(self.published_ms, record.timestamp)
        if record.key != POSITION_KEY:
            self.model.apply(record.key, record.value)


def _names(changes: list[str] | None) -> frozenset[str] | None:
    return None if changes is None else frozenset(changes)
