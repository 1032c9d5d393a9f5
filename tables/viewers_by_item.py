"""The unique viewers of all items of a partition: a view over the raw rows that keeps the sets in use decoded."""

from collections.abc import MutableMapping

from tables import item_rows, unique_viewers
from tables.unique_viewers import UniqueViewers

_CACHED_ITEMS = 20_000


class ViewersByItem:
    """Decodes an item's set when it is first added to."""

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        self._store = store
        self._sets: dict[str, UniqueViewers] = {}
        self._changed: dict[str, None] = {}

    def add(self, item_id: str, viewer: int) -> None:
        """Add a viewer's hash to an item."""
        viewers = self._sets.get(item_id)
        if viewers is None:
            stored = self._store.get(item_rows.viewers_key(item_id))
            viewers = UniqueViewers() if stored is None else UniqueViewers.from_row(unique_viewers.CODEC.decode(stored))
            self._sets[item_id] = viewers
        if viewers.add(viewer):
            self._changed[item_id] = None

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Rows to write since the last call; the caller stores them."""
        changes: list[tuple[bytes, bytes | None]] = [
            (item_rows.viewers_key(item_id), unique_viewers.CODEC.encode(self._sets[item_id].to_row()))
            for item_id in self._changed
        ]
        self._changed.clear()
        if len(self._sets) > _CACHED_ITEMS:
            self._sets.clear()
        return changes
