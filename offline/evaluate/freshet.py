"""Freshet itself as one of the evaluated: the production path, told of an item when the log first names it."""

from collections.abc import Mapping

from offline.production_path import ProductionPath
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction


class Freshet:
    """A catalogue that knew all items from the start would list items that nothing evaluated may list yet.

    Lists name no item that the user met, as those of every evaluated model: for a reader who has met everything the
    production path has a list of items seen before.
    """

    def __init__(self, path: ProductionPath, catalog: Mapping[str, CatalogItem]) -> None:
        self.path = path
        self._undescribed = dict(catalog)
        self._met: dict[str, set[str]] = {}

    def learn(self, event: Interaction) -> None:
        """The item's catalogue entry if it is new, then the event."""
        item = self._undescribed.pop(event.item_id, None)
        if item is not None:
            self.path.describe([(event.item_id, item)])
        self.path.learn(event)
        self._met.setdefault(event.user_id, set()).add(event.item_id)

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The list that the production path makes, without what the user met."""
        met = self._met.get(user_id, ())
        return [item for item in self.path.recommend(user_id, now_ms, size) if item not in met]

    def candidates(self, user_id: str, now_ms: int, size: int) -> set[str]:
        """Everything that was scored for that list."""
        return set(self.path.candidates(user_id, now_ms, size))
