"""Applies `catalog.items`, `item.model` and `ranker.weights` to what all lists of this process are made from."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from math import inf

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY
from agents.epochs import Epochs
from agents.follower import Follower
from agents.ranker import RANKER_KEY
from ranking.learner import ranker_of
from ranking.ranker import Ranker
from streams.catalog import parse_catalog_item
from streams.events import InvalidEvent
from streams.topics import Topics
from tables.item_model import ItemModel

logger = logging.getLogger(__name__)

#: Changes that are remembered one by one; whoever asks about older ones is told "everything may have changed".
REMEMBERED_CHANGES = 10_000


class ItemFollower:
    """Owns the process's `ItemModel` and `Ranker`, and remembers which catalogue entries changed.

    `frontier_ms` is the event time that the model must not know more of; see `agents.epochs`."""

    def __init__(
        self, bootstrap: str, topics: Topics, partitions: int = 0, frontier_ms: Callable[[], float] = lambda: inf
    ) -> None:
        self.model = ItemModel()
        self.ranker = Ranker.start()
        self.catalogue_version = 0
        self.epochs = Epochs(self._apply_model, partitions, frontier_ms)
        self._changed: deque[str] = deque(maxlen=REMEMBERED_CHANGES)
        self._follower = Follower(
            bootstrap,
            {
                topics.catalog: self._apply_catalogue,
                topics.item_model: self.epochs.take,
                topics.ranker_weights: self._apply_ranker,
            },
            self.epochs.release,
        )

    @property
    def knew_ms(self) -> int:
        """The newest event time that the model may know of; 0 = not known."""
        return self.epochs.knew_ms

    async def start(self) -> None:
        """Returns when the model contains everything that was published before the call."""
        await self._follower.start()

    async def has_read(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before the offsets of `item.model` is read, and known unless it must wait."""
        return await self._follower.has_read(ends)

    async def stop(self) -> None:
        """Stops following."""
        await self._follower.stop()

    def changed_since(self, catalogue_version: int) -> frozenset[str] | None:
        """Items whose entry changed after `catalogue_version`; None when that is too long ago to tell."""
        count = self.catalogue_version - catalogue_version
        if count > len(self._changed):
            return None
        return frozenset(list(self._changed)[len(self._changed) - count :])

    def _apply_catalogue(self, record: ConsumerRecord) -> None:
        try:
            item = parse_catalog_item(record.key, record.value)
        except InvalidEvent as error:
            # The topic is compacted and belongs to its producer: the record stays there for them to find and mend.
            logger.warning(
                "catalogue record %s:%d:%d ignored: %s", record.topic, record.partition, record.offset, error
            )
            return
        item_id = record.key.decode()
        self.model.apply_catalog(item_id, item)
        self._changed.append(item_id)
        self.catalogue_version += 1

    def _apply_ranker(self, record: ConsumerRecord) -> None:
        if record.key == RANKER_KEY:
            self.ranker = Ranker.start() if record.value is None else ranker_of(record.value)

    def _apply_model(self, record: ConsumerRecord) -> None:
        if record.key != POSITION_KEY:
            self.model.apply(record.key, record.value)
