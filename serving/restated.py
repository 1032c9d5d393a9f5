"""Items of which the catalogue says by now other facts than stored lists say: how one stands in Redis.

    <ms since the epoch when it was noted> <facts, as in serving/eligibility.py>

Whoever is shown a list is shown such an item only as far as these facts allow. It can be forgotten when no list is left
that was made before.
"""

from __future__ import annotations

from collections.abc import Mapping


def restated(noted_ms: int, facts: bytes) -> bytes:
    """The stored form.

    >>> restated(17, b"18 Ab3d")
    b'17 18 Ab3d'
    """
    return b"%d %b" % (noted_ms, facts)


def noted_ms_of(value: bytes) -> int:
    """When it was noted. Raises ValueError."""
    return int(value.partition(b" ")[0])


def facts_in(value: bytes) -> bytes:
    """The facts; b"" (nobody) when there are none."""
    return value.partition(b" ")[2]


def up_to_text(offsets: Mapping[int, int]) -> bytes:
    """By partition, the next offset to be read.

    >>> up_to_text({1: 7, 0: 12}), read_up_to(b"0=12,1=7"), read_up_to(b"")
    (b'0=12,1=7', {0: 12, 1: 7}, {})
    """
    return b",".join(b"%d=%d" % pair for pair in sorted(offsets.items()))


def read_up_to(text: bytes) -> dict[int, int]:
    """The other way. Raises ValueError."""
    pairs = (pair.split(b"=") for pair in text.split(b",") if pair)
    return {int(partition): int(offset) for partition, offset in pairs}
