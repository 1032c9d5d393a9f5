"""How many different users an item had: exact up to 128, then a HyperLogLog sketch of 1,024 registers (error 3.3 %).

Both are sets: the stored bytes depend on who came, never on the order or on how often. Users are known by a 4-byte hash
only, so that an item's row names nobody.
"""

from hashlib import blake2b
from math import log

import msgspec
import numpy as np

from tables.row_codec import RowCodec

EXACT = 128
REGISTER_BITS = 10
REGISTERS = 1 << REGISTER_BITS
_RANK_BITS = 32 - REGISTER_BITS
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)

VIEWERS_ROW_VERSION = 1


class ViewersRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`exact`: ascending little-endian u32 hashes. Otherwise `data` holds one byte a register."""

    version: int
    exact: bool
    data: bytes


CODEC = RowCodec(ViewersRow, current=VIEWERS_ROW_VERSION)


def viewer_hash(user_id: str) -> int:
    """The 4-byte hash of a user, 0 to 2^32 - 1."""
    return int.from_bytes(blake2b(user_id.encode(), digest_size=4, person=b"viewer").digest(), "little")


class UniqueViewers:
    """The set of viewers of one item."""

    __slots__ = ("_exact", "_registers")

    def __init__(self) -> None:
        self._exact: set[int] | None = set()
        self._registers = bytearray()

    def add(self, viewer: int) -> bool:
        """Add a viewer's hash; True when that changed what is stored."""
        if self._exact is None:
            return self._raise(viewer)
        if viewer in self._exact:
            return False
        self._exact.add(viewer)
        if len(self._exact) > EXACT:
            self._registers = bytearray(REGISTERS)
            for known in self._exact:
                self._raise(known)
            self._exact = None
        return True

    def _raise(self, viewer: int) -> bool:
        register = viewer >> _RANK_BITS
        rank = _RANK_BITS - (viewer & ((1 << _RANK_BITS) - 1)).bit_length() + 1
        if self._registers[register] >= rank:
            return False
        self._registers[register] = rank
        return True

    def count(self) -> int:
        """How many: exact up to 128, estimated beyond."""
        if self._exact is not None:
            return len(self._exact)
        empty = self._registers.count(0)
        estimate = _ALPHA * REGISTERS**2 / sum(0.5**rank for rank in self._registers)
        if estimate <= 2.5 * REGISTERS and empty:
            estimate = REGISTERS * log(REGISTERS / empty)
        return max(EXACT + 1, round(estimate))

    def to_row(self) -> ViewersRow:
        """The stored form."""
        if self._exact is None:
            return ViewersRow(VIEWERS_ROW_VERSION, False, bytes(self._registers))
        return ViewersRow(VIEWERS_ROW_VERSION, True, np.array(sorted(self._exact), "<u4").tobytes())

    @classmethod
    def from_row(cls, row: ViewersRow) -> "UniqueViewers":
        """The set in a row."""
        viewers = cls()
        if row.exact:
            viewers._exact = set(np.frombuffer(row.data, "<u4").tolist())
        else:
            viewers._exact, viewers._registers = None, bytearray(row.data)
        return viewers
