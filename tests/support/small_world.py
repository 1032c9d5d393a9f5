"""A tiny world for ranking tests: real folds of a few users, real rows, a real model."""

from collections.abc import Iterable

from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType, Interaction
from tables.cleaning import CleaningLimits
from tables.item_deltas import encode, route
from tables.item_model import ItemModel
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal
from tables.user_plane import FoldLimits, User, UserPlane

NOW_MS = 1_700_000_000_000
IMPORT_DELAY_MS = 86_400_000  # imported history
#: Without the rules against floods: whoever does a lot at one moment is no bot here.
LIMITS = FoldLimits(cleaning=CleaningLimits(bot_events_per_minute=0, training_events_per_day=0))


def owners(partitions: Iterable[int]) -> dict[int, PartitionOwner]:
    """First owners of item partitions."""
    return {partition: PartitionOwner(partition, term=1) for partition in partitions}


class SmallWorld:
    """One user partition and one item partition, joined by hand."""

    def __init__(self, limits: FoldLimits = LIMITS) -> None:
        self.users = UserPlane(0, 1, {}, limits)
        self.items = ItemPlane(0, {}, ItemLimits())
        self.model = ItemModel()
        self._offset = 0
        self._named: set[str] = set()
        self._signals: list[Signal] = []

    def sends(self, user_id: str, items: Iterable[str], kind: EventType = EventType.VIEW, at_ms: int = NOW_MS) -> None:
        """The user does the same with each of the items, in order."""
        for item in items:
            event = Interaction(f"e{self._offset}", kind, user_id, item, at_ms, rating=5.0)
            self.folds(event)

    def folds(self, event: Interaction) -> None:
        """One event is folded."""
        append_ms = event.timestamp_ms + IMPORT_DELAY_MS
        signal = self.users.fold(event, event.user_id.encode(), self._offset, append_ms).signal
        self._offset += 1
        if signal is not None:
            self._signals.append(signal)

    def lists(self, *items: CatalogItem) -> None:
        """Catalogue records arrive; items that none is about are in the catalogue without any particulars."""
        for item in items:
            self.model.apply_catalog(item.item_id, item)
            self._named.add(item.item_id)
        self._list_the_others()

    def _list_the_others(self) -> None:
        for item_id in set(self.model.ids) - self._named if self._named else ():
            self.model.apply_catalog(item_id, CatalogItem(item_id, maturity="all"))
            self._named.add(item_id)

    def publish(self, now_ms: int = NOW_MS) -> None:
        """Deltas travel, rows are published, priors are computed."""
        for entries in route(self._signals, 1).values():
            self.items.apply(encode(entries, 0, self.users.watermark_ms))
        self._signals.clear()
        for key, value in self.items.changes():
            self.model.apply(key, value)
        self._list_the_others()
        self.model.refresh_priors(now_ms)

    def user(self, user_id: str) -> User:
        """A user that exists."""
        user = self.users.view(user_id)
        assert user is not None
        return user
