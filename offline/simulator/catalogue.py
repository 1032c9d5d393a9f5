"""What can be met in the simulated world right now: all items released so far, well-known ones more often."""

from typing import Final

import numpy as np

from offline.simulator.preferences import Item, Person, Vector

_GLANCES: Final = 24
#: How much chance blurs preferences when a person picks what to look at.
_WHIM: Final = 0.4


class ReleasedCatalogue:
    """Items on offer; `put` adds one."""

    def __init__(self, items: list[Item]) -> None:
        self.items = list(items)
        self._arrange()

    def put(self, item: Item) -> None:
        """Adds a newly released item."""
        self.items.append(item)
        self._arrange()

    def picks(self, person: Person, count: int, done: set[str], random: np.random.Generator) -> list[Item]:
        """Up to `count` different items that catch the person's eye, the most attractive first.

        People glance at a few items, known ones more often, and look closer at what suits their preferences. Items
        whose ids are in `done` do not count.
        """
        glances = np.unique(np.searchsorted(self._attention, random.random(_GLANCES) * self._attention[-1]))
        attraction = self._places[glances] @ person.drawn_to + random.normal(scale=_WHIM, size=len(glances))
        ranked = (self.items[index] for index in glances[np.argsort(-attraction)])
        return [item for item in ranked if item.row.item_id not in done][:count]

    def _arrange(self) -> None:
        self._places: Vector = np.stack([item.place for item in self.items])
        self._attention: Vector = np.cumsum([item.appeal for item in self.items])
