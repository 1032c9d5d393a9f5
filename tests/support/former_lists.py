"""Lists as the former release wrote them: whole fragments, with the facts of each item behind them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate

import orjson

from serving.list_format import FORMER_VERSION, MAGIC

_PREFIX = struct.Struct(">2sIqqqqIqHI")


def former_fragment(item_id: str, title: str, score: float = 0.5) -> bytes:
    """One recommendation."""
    said = {"reason": "Popular", "reason_code": "popular", "algorithm": "popular"}
    return orjson.dumps({"item_id": item_id, "title": title, "score": score, **said})


def former_list(
    header: bytes,
    fragments: Sequence[bytes],
    facts: Sequence[bytes] = (),
    *,
    partition: int = 0,
    offset: int = 7,
    term: int = 0,
    sequence: int = 0,
    generated_at_ms: int = 1,
    expires_at_ms: int = 2**61,
) -> bytes:
    """One list as bytes."""
    count = len(fragments)
    prefix = _PREFIX.pack(
        bytes((MAGIC, FORMER_VERSION)),
        *(partition, offset, term, sequence, generated_at_ms, 0, expires_at_ms, count, len(header)),
    )
    sums = struct.pack(f">{count}I", *accumulate(map(len, fragments)))
    told = b"\n" + b"\n".join(facts) if facts else b""
    return b"".join((prefix, header, sums, b",".join(fragments), told))
