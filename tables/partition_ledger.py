"""How far one partition of interactions has come in event time, and what it counted: keeps its row."""

from streams.contract.events import InvalidEvent, Reason
from tables import partition_row
from tables.partition_row import PartitionRow


class PartitionLedger:
    """Over the stored row, None before the first event. Late events are older than the watermark; those older than
    `retention_ms` before it are refused."""

    def __init__(self, stored: bytes | None, allowed_lateness_ms: int, retention_ms: int) -> None:
        self.row = PartitionRow() if stored is None else partition_row.CODEC.decode(stored)
        self._allowed_lateness_ms = allowed_lateness_ms
        self._retention_ms = retention_ms
        self._is_changed = False
        self._note_watermark()

    def _note_watermark(self) -> None:
        #: Events older than this are late.
        self.watermark_ms = self.row.watermark_ms(self._allowed_lateness_ms)
        #: What happened before is as good as gone.
        self.begin_ms = self.watermark_ms - self._retention_ms

    def is_new(self, offset: int) -> bool:
        """Whether nothing at the offset or behind it was counted."""
        return offset > self.row.last_offset

    def admit(self, event_ms: int, offset: int) -> int:
        """The watermark before an event that is folded. Raises InvalidEvent when the event is behind the retention."""
        watermark_ms = self.refuse_too_old(event_ms, offset)
        self.count(offset, late=self.is_new(offset) and event_ms < watermark_ms)
        return watermark_ms

    def refuse_too_old(self, event_ms: int, offset: int) -> int:
        """The watermark; raises InvalidEvent (too_old), and counts that once, for an event behind the retention."""
        watermark_ms = self.watermark_ms
        if event_ms < self.begin_ms:
            self.count(offset, too_old=self.is_new(offset))
            raise InvalidEvent(Reason.TOO_OLD, f"older than the retention behind watermark {watermark_ms}")
        return watermark_ms

    def count(self, offset: int, *, late: bool = False, too_old: bool = False) -> None:
        """An event at the offset was met."""
        row = self.row
        if offset > row.last_offset:
            row.last_offset = offset
        if late:
            row.late += 1
        if too_old:
            row.too_old += 1
        self._is_changed = True

    def advance(self, event_ms: int, append_ms: int) -> None:
        """Event time goes on by one event."""
        row = self.row
        highest_ms = row.highest_ms
        partition_row.advance(row, event_ms, append_ms)
        if row.highest_ms != highest_ms:
            self._note_watermark()

    def touch(self) -> None:
        """The row was changed."""
        self._is_changed = True

    def take_change(self) -> bytes | None:
        """The encoded row; None when it did not change since the last call."""
        is_changed, self._is_changed = self._is_changed, False
        return partition_row.CODEC.encode(self.row) if is_changed else None
