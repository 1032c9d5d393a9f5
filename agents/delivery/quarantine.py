"""Crash marks: one bad record must not kill worker after worker.

Before an owner folds its first batch after a restore it writes, in a transaction of its own, a mark "about to fold
the batch at this offset, attempt n". The mark is removed by the transaction that commits the batch. So a batch
that kills the process, even by a segmentation fault or the kernel's out-of-memory killer, leaves a mark with a growing
count. After `MAX_ATTEMPTS` the batch is folded record by record, each behind a mark of its own, and the culprit becomes
a dead letter `fold_failed`. An innocent batch that was interrupted twice is only folded a little slower, once.
"""

from dataclasses import dataclass, replace

import msgspec

from agents.delivery.outgoing import Outgoing
from agents.delivery.table import ChangelogTable

MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class CrashMark:
    """`attempts` times a fold that starts at `offset` was begun and not committed; `single`: of that record alone."""

    offset: int
    attempts: int
    single: bool = False

    @property
    def exhausted(self) -> bool:
        """True when the fold at `offset` was begun often enough."""
        return self.attempts >= MAX_ATTEMPTS


class CrashMarks:
    """The mark of one input partition, kept in the compacted crash-mark topic under "topic:partition"."""

    def __init__(self, topic: str, source_topic: str, partition: int) -> None:
        self.table = ChangelogTable(topic, partition)
        self._key = f"{source_topic}:{partition}".encode()
        self._unsaved: CrashMark | None = None

    @property
    def mark(self) -> CrashMark | None:
        """The mark that was found at the restore or written since; None when the last batch was committed."""
        if self._unsaved is not None:
            return self._unsaved
        raw = self.table.rows.get(self._key)
        return None if raw is None else msgspec.json.decode(raw, type=CrashMark)

    def begin(self, offset: int, *, single: bool) -> list[Outgoing]:
        """The record that notes another attempt at `offset`; to be committed before the fold starts."""
        known = self.mark
        fresh = CrashMark(offset, 0, single)
        base = known if known is not None and (known.offset, known.single) == (offset, single) else fresh
        self._unsaved = replace(base, attempts=base.attempts + 1)
        return [self._record(msgspec.json.encode(self._unsaved))]

    def clear(self) -> list[Outgoing]:
        """The record that forgets the mark, to be committed together with the batch; nothing when there is none."""
        if self.mark is None:
            return []
        self._unsaved = None
        self.table.rows.pop(self._key, None)
        return [self._record(None)]

    def _record(self, value: bytes | None) -> Outgoing:
        return Outgoing(self.table.topic, self.table.partition, self._key, value)
