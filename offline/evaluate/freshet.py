"""Freshet itself as one of the judged: the production path, told of an item when the log first names it."""

from collections.abc import Mapping

from offline.production_path import ProductionPath
from streams.catalog import CatalogItem
from streams.events import Interaction


class Freshet:
    """A catalogue that knew all items from the start would list items that nothing judged may list yet."""

    def __init__(self, path: ProductionPath, catalog: Mapping[str, CatalogItem]) -> None:
        self.path = path
        self._undescribed = dict(catalog)

    def learn(self, event: Interaction) -> None:
        """The item's catalogue entry if it is new, then the event."""
        item = self._undescribed.pop(event.item_id, None)
        if item is not None:
            self.path.describe([(event.item_id, item)])
        self.path.learn(event)

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The list that the production path makes."""
        return self.path.recommend(user_id, now_ms, size)
