"""The row of one input partition (key b"p"): how far its event time has come, and how many events were behind it
or belonged to users whose rows are gone.

    watermark = highest min(event time, append time) - allowed lateness

Lateness is decided here, once, and travels with the delta. The minimum keeps a producer whose clock runs ahead from
making everyone else late; an import of old events moves the watermark at its own pace.
"""

import msgspec

from tables.row_codec import RowCodec, Whole

PARTITION_ROW_VERSION = 2


class PartitionRow(msgspec.Struct, array_like=True, gc=False):
    """`last_offset` is the last offset that was counted here; `highest_ms` is 0 before the first event. `erased` counts
    events of erased users, folded before they were forgotten or never; `erasures_applied` is the position in the
    partition of `user.erasure` before which every erasure was carried out. `purged_folded` and `purged_duplicates` are
    what the rows of purged users had counted, so that sums over all rows do not change with a purge (format 2)."""

    version: int = PARTITION_ROW_VERSION
    last_offset: Whole = -1
    highest_ms: Whole = 0
    late: Whole = 0
    too_old: Whole = 0
    erased: Whole = 0
    erasures_applied: Whole = 0
    purged_folded: Whole = 0
    purged_duplicates: Whole = 0

    def watermark_ms(self, allowed_lateness_ms: int) -> int:
        """Events older than this are late; never negative."""
        return max(0, self.highest_ms - allowed_lateness_ms)


CODEC = RowCodec(PartitionRow, current=PARTITION_ROW_VERSION)


def advance(row: PartitionRow, event_ms: int, append_ms: int) -> None:
    """Move event time forward by one event; it never goes back."""
    reached_ms = min(event_ms, append_ms)
    if reached_ms > row.highest_ms:
        row.highest_ms = reached_ms
