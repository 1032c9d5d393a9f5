"""Crash marks: one bad record must not kill worker after worker.

An owner opens its partition's mark in a transaction of its own before it folds anything, and closes it with the
transaction that commits its 1,000th record (or as many as may be folded and not committed, when that is more), or when
it gives the partition away in good order. So a mark that is found
open says that an owner ended, by whatever means, and roughly where. Each owner that finds it open is more careful:

    crashes    how the next 1,000 records, or so many, are folded
    0          as always, in whole batches
    1          in small batches, each committed by itself: the next crash says where the poison record is, within one of
               them
    2 or more  the same, but the first small batch record by record; a record that raises becomes a dead letter
               `fold_failed` at once, and one that ends the process (a segmentation fault, the kernel's out-of-memory
               killer) when it was begun alone `MAX_ATTEMPTS` times

So a record that raises ends three processes at most, one that kills five. The bound is for a step whose uncommitted
folds are bounded; one that gathers for as long as it likes may lag behind, and then each two crashes bring it so many
records further.
Innocent records that were interrupted are only folded a little slower for a while, and a rebalance waits for no more
than one small batch.
"""

from dataclasses import dataclass, replace

import msgspec

from agents.delivery.outgoing import Outgoing
from agents.delivery.table import ChangelogTable

CLEARED_AFTER_RECORDS = 1_000
SMALL_BATCH_RECORDS = 25
SINGLE_FROM_CRASHES = 2
MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class CrashMark:
    """`crashes` owners in a row ended while the mark was `is_open`; `attempts` times the record at offset `alone`
    was begun by itself (-1: none was)."""

    crashes: int = 0
    is_open: bool = True
    alone: int = -1
    attempts: int = 0


class CrashMarks:
    """The mark of one input partition, kept in the compacted crash-mark topic under "topic:partition"; `uncommitted` is
    the most records that its owner may have folded and not committed.

    Every method that returns records changes the mark at once; the caller commits them or ends the process.
    """

    def __init__(self, topic: str, source_topic: str, partition: int, uncommitted: int = 0) -> None:
        self.table = ChangelogTable(topic, partition)
        self._key = f"{source_topic}:{partition}".encode()
        self._cleared_after = max(CLEARED_AFTER_RECORDS, uncommitted)
        self._is_ours = False
        self._succeeded = 0  # records folded since the mark was opened

    @property
    def mark(self) -> CrashMark | None:
        """The mark that was found at the restore or written since; None when there is nothing to be careful about. One
        that cannot be read is an open one."""
        raw = self.table.rows.get(self._key)
        try:
            return None if raw is None else msgspec.json.decode(raw, type=CrashMark)
        except msgspec.DecodeError:  # somebody else's: whoever does not know is careful
            return CrashMark()

    @property
    def crashes(self) -> int:
        """How many crashes the owner has to reckon with; 0 when it may work as always."""
        mark = self.mark
        return 0 if mark is None else mark.crashes

    @property
    def left_to_fold_one_by_one(self) -> int:
        """How many of the next records are to be folded one by one; 0 or more."""
        return max(0, SMALL_BATCH_RECORDS - self._succeeded) if self.crashes >= SINGLE_FROM_CRASHES else 0

    @property
    def poison_offset(self) -> int | None:
        """Offset of the record that was begun by itself often enough, and never committed; None when there is none."""
        mark = self.mark
        return mark.alone if mark is not None and mark.attempts >= MAX_ATTEMPTS else None

    def open(self) -> list[Outgoing]:
        """What has to be committed before anything is folded; nothing when this owner opened the mark before."""
        if self._is_ours:
            return []
        self._is_ours, self._succeeded = True, 0
        found = self.mark
        if found is None:
            return self._save(CrashMark())
        return self._save(replace(found, is_open=True, crashes=found.crashes + found.is_open))

    def begin(self, offset: int) -> list[Outgoing]:
        """What has to be committed before the record at `offset` is folded by itself."""
        mark = self.mark or CrashMark()
        attempts = mark.attempts if mark.alone == offset else 0
        return self._save(replace(mark, alone=offset, attempts=attempts + 1))

    def cancel_attempt(self) -> None:
        """The record that was begun last is not folded after all; `release` says so to the next owner."""
        mark = self.mark
        if mark is not None and mark.attempts:
            self._save(replace(mark, attempts=mark.attempts - 1))

    def record_success(self, records: int) -> list[Outgoing]:
        """What has to be committed together with `records` more folded records."""
        self._succeeded += records
        return self._save(None) if self._is_ours and self._succeeded >= self._cleared_after else []

    def release(self) -> list[Outgoing]:
        """What has to be committed when the partition is given away in good order; what was suspected stays so."""
        mark = self.mark
        is_ours, self._is_ours = self._is_ours, False
        if not is_ours or mark is None:
            return []
        return self._save(replace(mark, is_open=False) if mark.crashes else None)

    def _save(self, mark: CrashMark | None) -> list[Outgoing]:
        value = None if mark is None else msgspec.json.encode(mark)
        if value is None and self._key not in self.table.rows:
            return []
        self.table.load(self._key, value)
        return [Outgoing(self.table.topic, self.table.partition, self._key, value)]
