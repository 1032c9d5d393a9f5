"""The item plane: folds `item.deltas` into counts, buckets and neighbours, and publishes the changed rows.

The table's changelog *is* `item.model`, which every worker follows. So a commit is also a publication, and it is due
on an interval that stretches under load: as many changes as possible are coalesced into each row, within a byte budget.
The input offset is committed with the rows, so a crash between two commits only folds the same deltas again.
"""

import math
from collections.abc import Callable, MutableMapping

from aiokafka.structs import ConsumerRecord
from msgspec import structs

from agents.dead_letters import DeadLetters, letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from agents.epochs import Points, reached_in
from agents.vector_fits import VectorFits
from streams.events import Reason
from tables import item_rows
from tables.item_plane import ItemPlane
from tables.item_rows import EpochRow


class PublishPacer:
    """Decides when the next publication is due: after `interval_s()`, later while the byte budget is overdrawn."""

    def __init__(self, interval_s: Callable[[], float], budget_bytes_per_s: int) -> None:
        self._interval_s = interval_s
        self._budget_bytes_per_s = budget_bytes_per_s
        self._published_s = -math.inf
        self._size_bytes = 0

    def due(self, now_s: float) -> bool:
        """True when a publication may start now."""
        pause_s = max(self._interval_s(), self._size_bytes / self._budget_bytes_per_s)
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
        pacer: PublishPacer,
        points: Points,
        now_s: Callable[[], float],
        dead_letters: DeadLetters,
        fits: VectorFits | None = None,
    ) -> None:
        self._fits = fits
        self._new_plane = new_plane
        self._rows = rows
        self._points = points
        self.plane = new_plane()
        self._published = self._known = self._stored_epoch()
        self._pacer = pacer
        self._now_s = now_s
        self._dead_letters = dead_letters
        self._dead: list[Outgoing] = []

    def fold(self, record: ConsumerRecord) -> None:
        """Folds one record of `item.deltas`, which this system wrote itself: anything unreadable is unexpected."""
        entries = self.plane.apply(record.value)
        known = self._known
        reached_ms = max(known.reached_ms, reached_in(record.headers))
        self._known = EpochRow(reached_ms=reached_ms, learned=known.learned + entries, fitted=known.fitted)

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes a delta record that ends workers as a dead letter."""
        self._dead += self._dead_letters.records(letter_of(record, Reason.FOLD_FAILED, detail))

    def pending(self) -> bool:
        """Whether fitted vectors wait."""
        return bool(self._fits)

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """Changed rows, when a publication is due."""
        now_s = self._now_s()
        if not (force or self._pacer.due(now_s) or self._at_a_point()):
            return None
        changes = self.plane.changes()
        if self._fits:
            changes += self._fits.take()
            self._known = structs.replace(self._known, fitted=self._fits.fitted)
        changes[:0] = self._new_epoch()
        self._pacer.published(now_s, sum(len(key) + len(value or b"") for key, value in changes))
        dead, self._dead = self._dead, []
        return Effects(changes, dead)

    def _at_a_point(self) -> bool:
        """What was learned up to a point of a replay is published at it, and vectors as soon as they are fitted."""
        points = self._points
        if not points.in_force:
            return False
        return bool(self._fits) or points.passed(self._known.learned) > points.passed(self._published.learned)

    def _new_epoch(self) -> list[tuple[bytes, bytes | None]]:
        if self._known == self._published:
            return []
        self._published, value = self._known, item_rows.EPOCH_CODEC.encode(self._known)
        self._rows[item_rows.EPOCH] = value
        return [(item_rows.EPOCH, value)]

    def _stored_epoch(self) -> EpochRow:
        value = self._rows.get(item_rows.EPOCH)
        return EpochRow() if value is None else item_rows.EPOCH_CODEC.decode(value)

    async def tick(self, next_offset: int) -> None:
        """Nothing: shared lists are written from the followed model, not from this partition's rows."""

    def reset(self) -> None:
        """Rebuilds the plane from the table's rows."""
        self.plane = self._new_plane()
        self._published = self._known = self._stored_epoch()
