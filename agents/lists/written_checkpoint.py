"""The checkpoint of one partition in Redis: the position before which every list is written, and the last write.

It is behind after a crash, a takeover or a failover to an older replica, and missing after a wipe. Only a checkpoint
that still is what was read may be moved: moving one that is gone or older would hide that Redis was wiped or failed
over since.
"""

from typing import NamedTuple

from agents.lists.list_rights import PartitionLists
from serving.write_order import WrittenPosition

NO_WRITTEN_POSITION = WrittenPosition(-1)


class Found(NamedTuple):
    """What Redis says. `written_position` None: nothing. `since`: lists of events from this position on may be missing.
    `fell`: Redis fell back to before this owner; what former owners wrote may be gone, whatever the position says."""

    written_position: WrittenPosition | None
    since: int
    fell: bool


class WrittenCheckpoint:
    """Looked at once in a while. Methods raise RedisUnavailable; call `doubt` then."""

    def __init__(self, writer: PartitionLists, check_ms: int) -> None:
        self._writer = writer
        self._check_ms = check_ms
        self._known: WrittenPosition | None = None  # what Redis holds; None = not read yet, or in doubt
        self._checked_ms = 0

    def doubt(self) -> None:
        """Redis may hold something else by now."""
        self._known = None
        self._checked_ms = 0

    def is_due(self, now_ms: int) -> bool:
        """Whether it is to be looked at, also when the clock was set back."""
        return not 0 <= now_ms - self._checked_ms < self._check_ms

    async def look(self, now_ms: int) -> Found | None:
        """What Redis says; None when that was known."""
        self._checked_ms = now_ms
        found = await self._writer.written_position()
        written_position, fell = NO_WRITTEN_POSITION if found is None else found, self._writer.take_fall()
        if written_position == self._known and not fell:
            return None
        self._known = written_position
        return Found(found, NO_WRITTEN_POSITION.position if fell else written_position.position, fell)

    async def advance(self, next_offset: int, erasures: int) -> None:
        """Every list is written that follows from what precedes `next_offset`, and erasures before the position
        `erasures` are carried out. Does nothing while it is in doubt what Redis holds."""
        written_position = WrittenPosition(next_offset, self._writer.owner.order)
        if self._known is None or (written_position == self._known and self._writer.knows_of(erasures)):
            return
        known = None if self._known == NO_WRITTEN_POSITION else self._known
        if await self._writer.advance_written_position(known, written_position, erasures):
            self._known = written_position
        else:
            self.doubt()
