"""The item plane: folds `item.deltas` into counts, buckets and neighbours, and publishes the changed rows.

The table's changelog *is* `item.model`, which every worker follows. So a commit is also a publication, and it is due
on an interval that stretches under load: as many changes as possible are coalesced into each row, within a byte budget.
The input offset is committed with the rows, so a crash between two commits only folds the same deltas again.
"""

import logging
import math
from collections.abc import Callable, MutableMapping

from aiokafka.structs import ConsumerRecord
from msgspec import DecodeError, structs

from agents.dead_letters import DeadLetters, dead_letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from agents.followers.model_watermark import RefitCheckpoints, reached_in
from agents.training.vector_fits import VectorFits
from streams.contract.events import InvalidEvent, Reason
from streams.kafka.damaged_record import DamagedRecord
from tables import item_rows
from tables.item_deltas import UnreadableDeltas
from tables.item_keys import KeyTaken
from tables.item_plane import ItemPlane
from tables.item_rows import ModelWatermarkRow

logger = logging.getLogger(__name__)


class PublicationLimiter:
    """Decides when the next publication is due: after `interval_s()`, later while the byte budget is overdrawn,
    but for no longer than `max_staleness_s`: what is published then is more than the budget."""

    def __init__(self, interval_s: Callable[[], float], budget_bytes_per_s: int, max_staleness_s: float) -> None:
        self._interval_s = interval_s
        self._max_staleness_s = max_staleness_s
        self._budget_bytes_per_s = budget_bytes_per_s
        self._published_s = -math.inf
        self._size_bytes = 0

    def due(self, now_s: float) -> bool:
        """True when a publication may start now."""
        overdrawn_s = min(self._size_bytes / self._budget_bytes_per_s, self._max_staleness_s)
        pause_s = max(self._interval_s(), overdrawn_s)
        return now_s - self._published_s >= pause_s

    def published(self, now_s: float, size_bytes: int) -> None:
        """Notes a publication of `size_bytes`."""
        self._published_s, self._size_bytes = now_s, size_bytes


class ItemsStep:
    """One partition of the item plane over the table's `rows`. `fits` are the vectors that one of the partitions
    publishes for all."""

    def __init__(
        self,
        new_plane: Callable[[], ItemPlane],
        rows: MutableMapping[bytes, bytes],
        pacer: PublicationLimiter,
        refit_checkpoints: RefitCheckpoints,
        now_s: Callable[[], float],
        dead_letters: DeadLetters,
        fits: VectorFits | None = None,
    ) -> None:
        self._fits = fits
        self._new_plane = new_plane
        self._rows = rows
        self._refit_checkpoints = refit_checkpoints
        self.plane = new_plane()
        self._published = self._known = self._stored_model_watermark()
        self._pacer = pacer
        self._now_s = now_s
        self._dead_letters = dead_letters
        self._dead: list[Outgoing] = []

    def fold(self, record: ConsumerRecord) -> None:
        """Folds one record of `item.deltas`. This system writes them itself, but one that cannot be read must not end
        worker after worker: it becomes a dead letter, and what it taught is missing until a replay."""
        try:
            if isinstance(record, DamagedRecord):
                raise InvalidEvent(record.reason, record.detail)
            reached_ms = reached_in(record.headers)
            entries = self.plane.apply(record.value)
        except (InvalidEvent, UnreadableDeltas, KeyTaken) as error:
            logger.critical("%s:%d:%d cannot be folded: %s", record.topic, record.partition, record.offset, error)
            self.reject(record, str(error))
            return
        known = self._known
        reached_ms = max(known.reached_ms, reached_ms)
        self._known = ModelWatermarkRow(reached_ms=reached_ms, learned=known.learned + entries, fitted=known.fitted)

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes a delta record that ends workers as a dead letter."""
        self._dead += self._dead_letters.records(dead_letter_of(record, Reason.FOLD_FAILED, detail))

    def pending(self) -> bool:
        """Whether fitted vectors wait."""
        return bool(self._fits)

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """Changed rows, when a publication is due."""
        now_s = self._now_s()
        if not (force or self._pacer.due(now_s) or self._at_refit_checkpoint()):
            return None
        changes = self.plane.changes()
        if self._fits:
            changes += self._fits.take()
            self._known = structs.replace(self._known, fitted=self._fits.fitted)
        changes[:0] = self._new_model_watermark()
        self._pacer.published(now_s, sum(len(key) + len(value or b"") for key, value in changes))
        dead, self._dead = self._dead, []
        return Effects(changes, dead)

    def _at_refit_checkpoint(self) -> bool:
        """What was learned up to a point of a replay is published at it, and vectors as soon as they are fitted."""
        refit_checkpoints = self._refit_checkpoints
        if not refit_checkpoints.in_force:
            return False
        return bool(self._fits) or refit_checkpoints.passed(self._known.learned) > refit_checkpoints.passed(
            self._published.learned
        )

    def _new_model_watermark(self) -> list[tuple[bytes, bytes | None]]:
        if self._known == self._published:
            return []
        self._published, value = self._known, item_rows.MODEL_WATERMARK_CODEC.encode(self._known)
        self._rows[item_rows.MODEL_WATERMARK] = value
        return [(item_rows.MODEL_WATERMARK, value)]

    def _stored_model_watermark(self) -> ModelWatermarkRow:
        """How far the rows know; one that cannot be read is written anew with the next publication, like the first."""
        value = self._rows.get(item_rows.MODEL_WATERMARK)
        try:
            return ModelWatermarkRow() if value is None else item_rows.MODEL_WATERMARK_CODEC.decode(value)
        except (ValueError, DecodeError) as error:
            logger.critical("partition %d: its epoch cannot be read and begins anew: %s", self.plane.partition, error)
            return ModelWatermarkRow()

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        """Nothing: shared lists are written from the followed model, not from this partition's rows."""

    def reset(self) -> None:
        """Rebuilds the plane from the table's rows."""
        self.plane = self._new_plane()
        self._published = self._known = self._stored_model_watermark()

    def counters(self) -> dict[str, int]:
        """None."""
        return {}
