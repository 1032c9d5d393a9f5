"""Cuts a partition into blocks by offset: a block ends where its end is a multiple of the block size.

So whoever reads a log again, from wherever, makes the same blocks, but for the first one and for tails. A tail is what
a log ends with when nobody writes to it: it is written after a while, and what comes later up to the next multiple is
the next block. Pure: times are arguments.
"""

from __future__ import annotations

from collections import deque

from aiokafka.structs import ConsumerRecord


class BlockCutter:
    """Records of one partition that wait, oldest first. `block_records` ≥ 1 offsets make a block."""

    def __init__(self, block_records: int) -> None:
        self.block_records = block_records
        self._waiting: deque[ConsumerRecord] = deque()
        self._arrived_s: deque[float] = deque()
        self._next = 0  # offset behind the newest record
        self._newest_ms = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more should be read for now: two blocks wait."""
        return len(self._waiting) >= 2 * self.block_records

    @property
    def newest_ms(self) -> int | None:
        """Nothing that waits was taken by the broker after this time; None when nothing waits."""
        return self._newest_ms if self._waiting else None

    def add(self, records: list[ConsumerRecord], now_s: float) -> None:
        """Takes records in the order of the log."""
        self._waiting.extend(records)
        self._arrived_s.extend([now_s] * len(records))
        self._next = records[-1].offset + 1
        self._newest_ms = max(self._newest_ms, *(record.timestamp for record in records))

    def cut(self, now_s: float, flush_s: float, until_ms: float) -> tuple[int, int, list[ConsumerRecord]] | None:
        """First offset, end and records of the next block: a whole one, or what waits for `flush_s` and longer.

        Only records that the broker took up to `until_ms` may be in it; a whole block is not cut short for that.
        """
        if not self._waiting:
            return None
        first = self._waiting[0].offset
        end = (first // self.block_records + 1) * self.block_records
        if self._next >= end:
            inside = sum(record.offset < end for record in self._waiting) if self._next > end else len(self._waiting)
            if max(self._waiting[number].timestamp for number in range(inside)) <= until_ms:
                return first, end, self._take(inside)
            return None
        if now_s - self._arrived_s[0] < flush_s:
            return None
        inside = 0
        for record in self._waiting:
            if record.timestamp > until_ms:
                break
            inside += 1
        if not inside:
            return None
        last = self._waiting[inside - 1].offset
        return first, last + 1, self._take(inside)

    def _take(self, count: int) -> list[ConsumerRecord]:
        for _ in range(count):
            self._arrived_s.popleft()
        return [self._waiting.popleft() for _ in range(count)]
