"""Fits the item vectors from the followed item model, in the worker that owns item partition 0, and publishes them.

A fit reads all items, whoever owns them, and takes up to seconds: it runs in a thread, and its rows wait here until the
partition's next commits take them into `item.model`, some at a time.
"""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice

from tables.item_model import ItemModel
from tables.vector_fit import fitted_rows

logger = logging.getLogger(__name__)

FIT_EVERY_S = 600.0
#: Until so many items have been visited there is little to see; then the first fit need not wait its turn.
FIRST_FIT_ITEMS = 100
LOOK_EVERY_S = 5.0
ROWS_PER_COMMIT = 500

FITTING_PARTITION = 0


class VectorFits:
    """One background loop of a worker, and the fitted rows that wait to be committed."""

    def __init__(self, model: ItemModel, owned_item_partitions: Callable[[], set[int]]) -> None:
        self._model = model
        self._owned = owned_item_partitions
        self._waiting: dict[bytes, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> list[tuple[bytes, bytes]]:
        """Up to 500 rows to commit; they do not wait any longer."""
        taken = list(islice(self._waiting.items(), ROWS_PER_COMMIT))
        for key, _ in taken:
            del self._waiting[key]
        return taken

    async def run(self, now_ms: Callable[[], int], now_s: Callable[[], float]) -> None:
        """Fits now and then while this worker owns partition 0, until cancelled."""
        due_s = now_s()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if FITTING_PARTITION not in self._owned():
                self._waiting.clear()  # the next owner fits
                continue
            visited = int((self._model.visits > 0).sum())
            if now_s() < due_s or visited < FIRST_FIT_ITEMS:
                continue
            due_s = now_s() + FIT_EVERY_S
            rows = await asyncio.to_thread(fitted_rows, self._model, now_ms())
            logger.info("fitted item vectors: %d of %d moved", len(rows), len(self._model))
            self._waiting |= dict(rows)
