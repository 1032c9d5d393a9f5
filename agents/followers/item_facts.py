"""What the endpoint is told about items, so that it can leave out what somebody may not see; and when that changed."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from serving.eligibility import facts_of
from streams.contract.catalog import UNRATED_AGE
from tables.columns import grown
from tables.item_model import ItemModel

_GROW = 1.5


def item_facts(model: ItemModel, index: int) -> bytes:
    """The facts of one item, as `serving.eligibility` has them; below 0: of one that the model never heard of."""
    if index < 0:
        return facts_of(UNRATED_AGE)
    catalog = model.catalog
    genres = [catalog.genre_names[number] for number in catalog.genres[index]]
    return facts_of(int(catalog.maturity_age[index]), genres, *catalog.bounds(index))


class FactsSaid:
    """By item index: the last catalogue record that may have changed the item's facts, by where it is and by its number
    among those that this process has read. 18 bytes an item."""

    def __init__(self) -> None:
        self.read_up_to: dict[int, int] = {}  # partition of the catalogue -> the next offset
        self._partition: NDArray[np.int16] = np.zeros(0, np.int16)
        self._offset: NDArray[np.int64] = np.zeros(0, np.int64)
        self._number: NDArray[np.int64] = np.zeros(0, np.int64)

    def read(self, partition: int, offset: int) -> None:
        """A record was read, whatever it said."""
        self.read_up_to[partition] = offset + 1

    def changed(self, index: int, partition: int, offset: int, number: int) -> None:
        """The facts of an item changed, or it is not known that they did not."""
        if index >= len(self._number):
            capacity = int(index * _GROW) + 64
            self._partition = grown(self._partition, capacity)
            self._offset, self._number = grown(self._offset, capacity, -1), grown(self._number, capacity)
        self._partition[index], self._offset[index], self._number[index] = partition, offset, number

    def since(self, number: int) -> list[int]:
        """Items whose facts may have changed by a record with a higher number."""
        result: list[int] = np.flatnonzero(self._number > number).tolist()
        return result

    def since_offsets(self, read_up_to: Mapping[int, int]) -> list[int]:
        """Items whose facts may have changed by a record that somebody has not read who read up to there. A partition
        that ends before that was made anew: they have read nothing of it."""
        changed = np.zeros(len(self._number), np.bool_)
        for partition, end in self.read_up_to.items():
            before = read_up_to.get(partition, 0)
            changed |= (self._partition == partition) & (self._offset >= (before if before <= end else 0))
        result: list[int] = np.flatnonzero(changed).tolist()
        return result
