"""Unpacks what a batch of records was compressed to, up to a limit: 30 KB of zstd may hold a gigabyte.

The size is taken from the frame's header where it says one and nothing is allocated when that is over the limit. Such
a header may lie, and most compressors that stream write none: so nothing is ever unpacked into more room than the
limit, and room grows with what really comes.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Final

import cramjam

from streams.contract.reasons import InvalidEvent, Reason

#: Compression of a batch, as its attributes number it.
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
NAMES: Final = ("none", "gzip", "snappy", "lz4", "zstd")

_FIRST_ROOM: Final = 64 * 1024
_USUAL_RATIO: Final = 8
_GROWTH: Final = 4
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES: Final = 16
_NO_ROOM: Final = "failed to write whole buffer"  # how cramjam says that the room is too small
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_LZ4_MAGIC: Final = b"\x04\x22\x4d\x18"
_LZ4_SAYS_SIZE: Final = 0x08

Bytes = bytes | bytearray | memoryview


def unpack(codec: int, packed: memoryview, limit_bytes: int, before: Bytes = b"") -> memoryview:
    """`before`, and after it what `packed` unpacks to, at most `limit_bytes`.

    Raises `InvalidEvent`: `too_large` for what is more than that, `damaged` for what does not unpack.
    """
    if codec not in (GZIP, SNAPPY, LZ4, ZSTD):
        raise InvalidEvent(Reason.DAMAGED, f"compression {codec} is none of Kafka's")
    name = NAMES[codec]
    said = said_bytes(codec, packed)
    if said is not None and said > limit_bytes:
        raise _too_large(name, packed, limit_bytes)
    try:
        if codec == GZIP:
            return _gunzip(packed, limit_bytes, before)
        if codec == SNAPPY:
            return _unsnap(packed, limit_bytes, before)
        into = cramjam.lz4.decompress_into if codec == LZ4 else cramjam.zstd.decompress_into
        return _grow_until_it_fits(into, packed, limit_bytes, before, said)
    except _NoRoom:
        raise _too_large(name, packed, limit_bytes) from None
    except (cramjam.DecompressionError, zlib.error, struct.error, ValueError, OverflowError) as error:
        raise InvalidEvent(Reason.DAMAGED, f"{len(packed)} bytes of {name} do not unpack: {error}") from None


def said_bytes(codec: int, packed: memoryview) -> int | None:
    """The size that the header of the (first) frame says; None when it says none.

    >>> said_bytes(ZSTD, memoryview(cramjam.zstd.compress(b"x" * 70_000))) in (None, 70_000)
    True
    >>> said_bytes(SNAPPY, memoryview(b"")) is None
    True
    """
    magic = bytes(packed[:4])
    if codec == ZSTD and magic == _ZSTD_MAGIC and len(packed) > 4:
        return _said_by_zstd(packed)
    if codec == LZ4 and magic == _LZ4_MAGIC and len(packed) >= 14 and packed[4] & _LZ4_SAYS_SIZE:
        return int.from_bytes(packed[6:14], "little")
    return None


def _said_by_zstd(packed: memoryview) -> int | None:
    """RFC 8878, 3.1.1.1: a descriptor, then the window (unless the frame is one segment), the dictionary, the size."""
    descriptor = packed[4]
    single_segment = descriptor >> 5 & 1
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    begin = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    if not size_bytes or len(packed) < begin + size_bytes:
        return None
    size = int.from_bytes(packed[begin : begin + size_bytes], "little")
    return size + 256 if size_bytes == 2 else size


class _NoRoom(Exception):
    """More comes than there may be."""


def _too_large(name: str, packed: memoryview, limit_bytes: int) -> InvalidEvent:
    detail = f"a batch of {len(packed)} bytes of {name} unpacks to more than {limit_bytes}"
    return InvalidEvent(Reason.TOO_LARGE, detail)


def _grow_until_it_fits(
    into: Callable[[memoryview, memoryview], int],
    packed: memoryview,
    limit_bytes: int,
    before: Bytes,
    said: int | None,
) -> memoryview:
    room = min(limit_bytes, max(_FIRST_ROOM, _USUAL_RATIO * len(packed)) if said is None else said)
    while True:
        buffer = bytearray(len(before) + room)
        view = memoryview(buffer)
        view[: len(before)] = before
        try:
            size = into(packed, view[len(before) :])
        except cramjam.DecompressionError as error:
            if str(error) != _NO_ROOM:
                raise
            if room >= limit_bytes:
                raise _NoRoom from None
            room = min(limit_bytes, max(_FIRST_ROOM, room * _GROWTH))
        else:
            return view[: len(before) + size]


def _gunzip(packed: memoryview, limit_bytes: int, before: Bytes) -> memoryview:
    """Any number of members, as gzip has it."""
    out = bytearray(before)
    rest: Bytes = packed
    while rest:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        out += member.decompress(rest, len(before) + limit_bytes - len(out) + 1)
        if len(out) - len(before) > limit_bytes:
            raise _NoRoom
        if not member.eof:
            raise ValueError("the last member is cut off")
        rest = member.unused_data.lstrip(b"\0")  # padding may follow a member
    return memoryview(out)


def _unsnap(packed: memoryview, limit_bytes: int, before: Bytes) -> memoryview:
    """One raw block, or the framed blocks of Java's library. Each block says its size, and is not unpacked to more."""
    out = bytearray(before)
    for block in _snappy_blocks(packed):
        if len(out) - len(before) + cramjam.snappy.decompress_raw_len(block) > limit_bytes:
            raise _NoRoom
        out += bytes(cramjam.snappy.decompress_raw(block))
    return memoryview(out)


def _snappy_blocks(packed: memoryview) -> list[memoryview]:
    if bytes(packed[: len(_XERIAL)]) != _XERIAL:
        return [packed]
    blocks, position = [], _XERIAL_HEADER_BYTES
    while position < len(packed):
        (size,) = struct.unpack_from(">i", packed, position)
        position += 4
        if not 0 <= size <= len(packed) - position:
            raise ValueError(f"a block of {size} bytes")
        blocks.append(packed[position : position + size])
        position += size
    return blocks
