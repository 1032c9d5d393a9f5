"""Which events of a user were folded already: the last 1,000 ids or 24 h, whichever is more, at most 10,000.

Producers that retry send the same `event_id` again at a new offset. Ids are kept as 8-byte hashes: two different ids
of one user collide with probability below 3e-12 even at 10,000 remembered ids.
"""

import struct
from hashlib import blake2b

import msgspec

from streams.contract.units import DAY_MS
from tables.row_codec import RowCodec, Whole
from tables.segmented_log import SEGMENT_ENTRIES, Segment, SegmentedLog

KEPT_IDS = 1_000
KEPT_MS = DAY_MS
MAX_IDS = 10_000
_HASH_BYTES = 8
_from_bytes = int.from_bytes

if not KEPT_IDS + SEGMENT_ENTRIES <= MAX_IDS:
    raise AssertionError("the upper bound must leave room for the promised ids")


class DedupeRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One segment: the newest append time (ms) and the id hashes, 8 bytes each, in order of arrival."""

    version: int
    newest_append_ms: Whole
    hashes: bytes


_CODEC = RowCodec(DedupeRow, current=1)


def hash_of(event_id: str) -> int:
    """The 8-byte hash under which an event id is remembered."""
    return _from_bytes(blake2b(event_id.encode(), digest_size=_HASH_BYTES).digest(), "little")


class Dedupe:
    """The remembered ids of one user.

    Whole segments are forgotten, so slightly more than promised is remembered, except at the upper bound, where up to
    one segment less than 10,000 remains.
    """

    __slots__ = ("known", "log")

    def __init__(self, log: SegmentedLog[int] | None = None) -> None:
        self.log: SegmentedLog[int] = SegmentedLog() if log is None else log
        self.known: set[int] = set(self.log)

    def add(self, id_hash: int, append_ms: int) -> None:
        """Remember an id first seen at `append_ms`, and forget what is beyond the promise."""
        self.known.add(id_hash)
        self.log.append(id_hash, append_ms)
        while self._oldest_may_go(append_ms):
            self.known.difference_update(self.log.drop_oldest().entries)

    def _oldest_may_go(self, now_append_ms: int) -> bool:
        log = self.log
        if len(log) > MAX_IDS:
            return True
        oldest = log.segments[0]
        return len(log) - len(oldest.entries) >= KEPT_IDS and oldest.newest < now_append_ms - KEPT_MS


def encode_segment(segment: Segment[int]) -> bytes:
    """The row of one segment."""
    return _CODEC.encode(
        DedupeRow(1, segment.newest, struct.pack(f"<{len(segment.entries)}Q", *segment.entries)),
    )


def decode_segment(value: bytes) -> Segment[int]:
    """The segment in a row. Raises RowVersionError on a newer format, ValueError on damage."""
    row = _CODEC.decode(value)
    if len(row.hashes) % _HASH_BYTES:
        raise ValueError(f"{len(row.hashes)} bytes are no hashes")
    return Segment(list(struct.unpack(f"<{len(row.hashes) // _HASH_BYTES}Q", row.hashes)), row.newest_append_ms)
