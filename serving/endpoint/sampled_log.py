"""The access log: one structured line for a share of the requests, without who asked or what was shown."""

from __future__ import annotations

import random
import time

from serving.endpoint.line_log import LineLog


class SampledLog:
    """`share` in (0, 1]. A failure of ours (5xx) is always logged."""

    def __init__(self, lines: LineLog, share: float) -> None:
        self._lines = lines
        self._share = share

    def add(self, route: str, status: int, length: int, duration_s: float) -> None:
        """One finished request; `length` in bytes."""
        if status >= 500 or self._share >= 1.0 or random.random() < self._share:
            self._lines.add(
                {
                    "log": "access",
                    "time_ms": time.time_ns() // 1_000_000,
                    "route": route,
                    "status": status,
                    "bytes": length,
                    "ms": round(duration_s * 1000, 3),
                }
            )
