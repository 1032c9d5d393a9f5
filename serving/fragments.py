"""What answers are made of: the parts of an item's JSON object that are built once and copied from then on."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import orjson

SCORE_STEPS = 10_000
#: By score in steps of 1/10000.
SCORE_BYTES: Final = [b"%.4f" % (step / SCORE_STEPS) for step in range(SCORE_STEPS + 1)]


def reason_tail(reason: str, reason_code: str, algorithm: str) -> bytes:
    """`,"reason":…,"reason_code":…,"algorithm":…}`, the part of a fragment that changes only with the reason."""
    told = orjson.dumps(reason), orjson.dumps(reason_code), orjson.dumps(algorithm)
    return b',"reason":%b,"reason_code":%b,"algorithm":%b}' % told


@lru_cache(maxsize=1024)  # the lists of a batch bear the same times
def rfc3339(time_ms: int) -> str:
    """Milliseconds since the epoch as `2026-01-31T12:00:00.000Z`."""
    seconds, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
