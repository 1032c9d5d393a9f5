"""What one user may see, as one small Redis value beside their lists: limits, and what they have met.

    at  type  what
    0   u8    magic 0xF6
    1   u8    format version
    2   u32   CRC-32 of the user's stored id: nobody is evaluated by the record of another
    6   u8    1 = the lists that lie beside it were made with other limits
    7   i64   first moment, ms since the epoch, at which some item of those lists may no longer be shown
    15  u8    log2 of the bits of the filter of met items; 0 = nothing met
    16        the limits:
    16  u8    age: items up to it are shown
    17  2     country, two letters or two NUL
    19  4     code of the language, or four NUL
    23  u16   number of unwanted genres
    25        codes of unwanted genres, four bytes each
    then      the filter (serving/seen_filter.py)

The worker writes it with the lists of a user, in one step, and by itself as soon as a profile changes the limits, long
before the lists of all whose profile changed are made again. So lists whose record says nothing of other limits are
shown as they are, all others are cut down item by item.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple
from zlib import crc32

from serving.eligibility import CODE_BYTES, ViewingLimits
from serving.seen_filter import may_hold

MAGIC: Final = 0xF6
FORMAT_VERSION: Final = 1
_FIXED: Final = struct.Struct(">2sIBqBB2s4sH")
_HEAD: Final = bytes((MAGIC, FORMAT_VERSION))
FIXED_BYTES: Final = _FIXED.size
MAX_UNWANTED: Final = 1000
_NO_COUNTRY: Final = bytes(2)
_NO_LANGUAGE: Final = bytes(CODE_BYTES)
NO_FILTER: Final = (0, b"")


class Audience(NamedTuple):
    """One user's record. `made` False: the lists beside it are of other limits. `until_ms`: when they end to be right.
    `seen` is (log2 of its bits, the bits there are)."""

    limits: ViewingLimits
    made: bool
    until_ms: int
    seen: tuple[int, bytes]

    def has_met(self, hashed: int) -> bool:
        """Whether the user may have met the item of a hash."""
        log2, bits = self.seen
        return log2 > 0 and may_hold(bits, log2, hashed)


def encode(
    user_id: str,
    age: int,
    country: str,
    language: bytes,
    unwanted: Collection[bytes],
    seen: tuple[int, bytes] = NO_FILTER,
    *,
    made: bool = True,
    until_ms: int,
) -> bytes:
    """The record of a user by their stored id. Raises ValueError above MAX_UNWANTED genres."""
    if len(unwanted) > MAX_UNWANTED:
        raise ValueError(f"{len(unwanted)} unwanted genres are more than {MAX_UNWANTED}")
    fixed = _FIXED.pack(
        _HEAD,
        crc32(user_id.encode()),
        not made,
        until_ms,
        seen[0],
        age,
        country.encode() or _NO_COUNTRY,
        language or _NO_LANGUAGE,
        len(unwanted),
    )
    return b"".join((fixed, *sorted(unwanted), seen[1]))


def decode(value: bytes, user_id: str) -> Audience | None:
    """The record in a value, of which the end may be missing; None when it is none of this user and format, or ends
    before the filter."""
    if len(value) < FIXED_BYTES or not value.startswith(_HEAD):
        return None
    _, owner, older, until_ms, log2, age, country, language, genres = _FIXED.unpack_from(value)
    bits_at = FIXED_BYTES + genres * CODE_BYTES
    if owner != crc32(user_id.encode()) or len(value) < bits_at:
        return None
    return Audience(
        _limits(age, country, language, value[FIXED_BYTES:bits_at]), not older, until_ms, (log2, value[bits_at:])
    )


@lru_cache(maxsize=8192)  # most people share their limits with many
def _limits(age: int, country: bytes, language: bytes, unwanted: bytes) -> ViewingLimits:
    codes = frozenset(unwanted[start : start + CODE_BYTES] for start in range(0, len(unwanted), CODE_BYTES))
    return ViewingLimits(age, (country.decode(),) if country != _NO_COUNTRY else (), language.strip(b"\0"), codes)
