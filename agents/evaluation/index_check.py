"""Is what the vector index finds still what there is to be found? A search now and then is compared with an exact one.

Below 100,000 items the index is exact and this says 1. Above it looks into a part of its lists, which were laid out for
the vectors of another day: recall falls when they move, and nothing else would tell.
"""

import asyncio

from tables.item_model import ItemModel
from tables.vector_index import VectorIndex

#: One exact search of 500,000 vectors takes 15 ms of the loop.
CHECK_EVERY_S = 5.0
NEIGHBOURS = 50
#: A prime larger than any catalogue: multiples of it fall everywhere.
_STRIDE = 2_147_483_647


class IndexCheck:
    """`checked` searches, and the sum of their recall@50 in thousandths, since the process began."""

    def __init__(self, model: ItemModel) -> None:
        self._model = model
        self._turn = 0
        self.checked = 0
        self.recall_permille = 0

    async def run(self) -> None:
        """Checks every few seconds until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self.check(self._model.vectors.index)

    def check(self, index: VectorIndex) -> None:
        """Asks with the vector of the next row, if it has one."""
        if not len(index):
            return
        self._turn += 1
        row = self._turn * _STRIDE % len(index)
        recall = index.recall_at(row, NEIGHBOURS)
        if recall is not None:
            self.checked += 1
            self.recall_permille += round(1000 * recall)
