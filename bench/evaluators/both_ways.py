"""Lists made in two ways from the same state, so that a log is replayed once and they are compared event by event."""

from collections.abc import Iterator, Mapping

from offline.evaluate.freshet import Freshet
from offline.production_path import ProductionPath
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction


class BothWays(Freshet):
    """Gives the path's own lists, and keeps those that `other` rules would have made."""

    def __init__(self, path: ProductionPath, catalog: Mapping[str, CatalogItem], other: RerankSettings) -> None:
        super().__init__(path, catalog)
        self._other = other
        self.others: list[list[str]] = []

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The path's own list."""
        listed = self.path.list_for(user_id, now_ms, size, self._other).item_index.tolist()
        self.others.append([self.path.model.ids[index] for index in listed])
        return super().recommend(user_id, now_ms, size)


class Recorded:
    """Lists that were made before, in the order in which they are asked for again."""

    def __init__(self, lists: list[list[str]]) -> None:
        self._lists: Iterator[list[str]] = iter(lists)

    def learn(self, event: Interaction) -> None:
        """Nothing."""

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The next list. Raises StopIteration when all were asked for."""
        return next(self._lists)
