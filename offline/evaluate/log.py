"""The log that is evaluated: the first interaction of each (user, item), in the order of time."""

from collections.abc import Iterable
from dataclasses import dataclass

from offline.datasets.dataset import Dataset, DatasetError
from offline.datasets.rows import EventRow, ItemRow, encode
from ranking.next_item import is_use
from streams.contract.catalog import CatalogItem, parse_catalog_item
from streams.contract.events import Interaction, InvalidEvent, parse_interaction


@dataclass(frozen=True)
class EvaluationLog:
    """`events` oldest first; `catalog` holds the items that are described; `repeats` is how many events were dropped
    because their user had met their item before."""

    events: list[Interaction]
    catalog: dict[str, CatalogItem]
    repeats: int

    @classmethod
    def of(cls, dataset: Dataset, limit: int | None = None) -> "EvaluationLog":
        """The log of a data set, up to the `limit`-th event that is kept. Raises `DatasetError`.

        Events and items pass through the parsers of the topics, as if they had been published.
        """
        events, repeats = _first_interactions(dataset.events(), limit)
        return cls(events, dict(map(_item, dataset.items())), repeats)

    @classmethod
    def of_interactions(
        cls, interactions: Iterable[Interaction], catalog: dict[str, CatalogItem], limit: int | None = None
    ) -> "EvaluationLog":
        """The log of what was read from Kafka, up to the `limit`-th event that is kept: what speaks for an item, and
        every rating, in the order of event time. Impressions, searches, skips and the like are no targets."""
        events: list[Interaction] = []
        met: set[tuple[str, str]] = set()
        repeats = 0
        for event in sorted(filter(is_use, interactions), key=lambda event: event.timestamp_ms):
            if (event.user_id, event.item_id) in met:
                repeats += 1
                continue
            if len(events) == limit:
                break
            met.add((event.user_id, event.item_id))
            events.append(event)
        return cls(events, catalog, repeats)

    def users(self) -> int:
        """How many users there are."""
        return len({event.user_id for event in self.events})

    def items(self) -> int:
        """How many items there are."""
        return len({event.item_id for event in self.events})


def _first_interactions(rows: Iterable[EventRow], limit: int | None) -> tuple[list[Interaction], int]:
    events: list[Interaction] = []
    met: set[tuple[str, str]] = set()
    repeats = 0
    for row in rows:
        pair = (row.user_id, row.item_id or "")
        if pair in met:
            repeats += 1
            continue
        if len(events) == limit:
            break
        met.add(pair)
        events.append(_event(row))
    return events, repeats


def _event(row: EventRow) -> Interaction:
    try:
        return parse_interaction(encode(row), row.timestamp)
    except InvalidEvent as refusal:
        raise DatasetError(f"event {row.event_id}: {refusal}") from None


def _item(row: ItemRow) -> tuple[str, CatalogItem]:
    try:
        item = parse_catalog_item(row.item_id.encode(), encode(row))
    except InvalidEvent as refusal:
        raise DatasetError(f"item {row.item_id}: {refusal}") from None
    assert item is not None  # None is what a tombstone says
    return row.item_id, item
