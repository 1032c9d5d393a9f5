"""Fits the item vectors from the followed item model, in the worker that owns item partition 0, and publishes them.

A fit reads all items, whoever owns them, and takes up to seconds: it runs in a thread, and its rows wait here until the
partition's next commits take them into `item.model`, some at a time.

A live version fits every ten minutes. One that is far behind the head fits at points
(`agents.followers.model_watermark`), once every item partition has passed the checkpoint; meanwhile no publication is
applied, so that none is left out. So two replays of a log fit at the same points, however fast they are. The first fit
after the arrival at the head is made at once.
"""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from math import inf

from agents.followers.model_watermark import ModelWatermark, RefitCheckpoints
from tables.item_model import ItemModel
from tables.vector_fit import fitted_rows

logger = logging.getLogger(__name__)

FIT_EVERY_S = 600.0
#: Until so many items have been visited there is little to see; then the first fit need not wait its turn.
FIRST_FIT_ITEMS = 100
LOOK_EVERY_S = 5.0
REPLAY_LOOK_EVERY_S = 0.2
ROWS_PER_COMMIT = 500

FITTING_PARTITION = 0


class VectorFits:
    """One background loop of a worker, and the fitted rows that wait to be committed."""

    def __init__(
        self,
        model: ItemModel,
        owned_item_partitions: Callable[[], set[int]],
        model_watermark: ModelWatermark,
        refit_checkpoints: RefitCheckpoints,
    ) -> None:
        self._model = model
        self._owned = owned_item_partitions
        self._model_watermark = model_watermark
        self._refit_checkpoints = refit_checkpoints
        self._waiting: dict[bytes, bytes] = {}
        self._due_s = -inf
        self._done = 0  # points for which it fitted, or saw too little

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> list[tuple[bytes, bytes]]:
        """Up to 500 rows to commit; they do not wait any longer."""
        taken = list(islice(self._waiting.items(), ROWS_PER_COMMIT))
        for key, _ in taken:
            del self._waiting[key]
        return taken

    @property
    def fitted(self) -> int:
        """How many points the vectors know that were taken as a whole."""
        return self._model_watermark.fitted(FITTING_PARTITION) if self._waiting else self._last

    @property
    def due(self) -> bool:
        """Whether a replay is at a point for which this worker has to fit."""
        if FITTING_PARTITION not in self._owned() or not self._refit_checkpoints.in_force:
            return False
        return self._model_watermark.passed(self._refit_checkpoints) > self._last

    @property
    def _last(self) -> int:
        return max(self._done, self._model_watermark.fitted(FITTING_PARTITION))

    async def run(self, now_ms: Callable[[], int], now_s: Callable[[], float]) -> None:
        """Fits now and then while this worker owns partition 0, until cancelled."""
        while True:
            await asyncio.sleep(REPLAY_LOOK_EVERY_S if self._refit_checkpoints.in_force else LOOK_EVERY_S)
            await self.look(now_ms(), now_s())

    async def look(self, now_ms: int, now_s: float) -> None:
        """Fits if it is time to."""
        if FITTING_PARTITION not in self._owned():
            self._waiting.clear()  # the next owner fits
            self._done = 0
        elif self.due:
            passed, as_of_ms = (
                self._model_watermark.passed(self._refit_checkpoints),
                self._model_watermark.feature_cutoff_ms,
            )
            self._model.refresh_priors(as_of_ms)
            await self._fit(as_of_ms)
            self._done = passed
        elif not self._refit_checkpoints.in_force and now_s >= self._due_s and await self._fit(now_ms):
            self._due_s = now_s + FIT_EVERY_S

    async def _fit(self, as_of_ms: int) -> bool:
        """False when there is too little to see."""
        if int((self._model.visits > 0).sum()) < FIRST_FIT_ITEMS:
            return False
        rows = await asyncio.to_thread(fitted_rows, self._model, as_of_ms)
        logger.info("fitted item vectors as of %d: %d of %d moved", as_of_ms, len(rows), len(self._model))
        self._waiting |= dict(rows)
        return True
