"""What somebody has met, as a Bloom filter (Bloom, CACM 13(7), 1970): it may take an item for met that is not, and
never the other way round.

An item sets four bits, 16 bits of its hash each. A filter has 10 to 20 bits an item, 65,536 (8 KB) at most: of the
items that were not met it hides 1 in 100 up to 6,500 met items, 1 in 4 at 20,000. Only lists that were made for
everybody are checked against it; a user's own lists are made of what they have not met.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

SHIFTS: Final = (0, 16, 32, 48)
BITS_PER_ITEM: Final = 10
MIN_LOG2: Final = 6
MAX_LOG2: Final = 16


@lru_cache(maxsize=200_000)
def item_hash(item_id: str) -> int:
    """64 bits that stand for an item, the same on every machine."""
    return int.from_bytes(blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def log2_bits(items: int) -> int:
    """The size of the filter for so many items, as a power of two of bits.

    >>> log2_bits(1), log2_bits(100), log2_bits(50_000)
    (6, 10, 16)
    """
    return max(MIN_LOG2, min(MAX_LOG2, (BITS_PER_ITEM * items - 1).bit_length()))


def may_hold(bits: bytes, log2: int, hashed: int) -> bool:
    """Whether the filter of 2 ** `log2` bits may have met the item of a hash. Of a filter that is cut short everything
    behind the cut counts as set.

    >>> may_hold(bytes(8), 6, 0), may_hold(b"\\xff" * 8, 6, 12345), may_hold(b"", 6, 0)
    (False, True, True)
    """
    mask, held = (1 << log2) - 1, len(bits)
    for shift in SHIFTS:
        place = (hashed >> shift) & mask
        byte = place >> 3
        if byte < held and not bits[byte] >> (place & 7) & 1:
            return False
    return True
