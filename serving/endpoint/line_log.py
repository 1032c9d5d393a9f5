"""Structured lines (JSON) to standard output, never on the request path: a full buffer drops lines and counts them."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

import orjson

MAX_LINES = 50_000
FLUSH_S = 0.2


class LineLog:
    """Takes dictionaries, writes lines in batches from a thread, so that a slow reader of the log blocks nobody."""

    def __init__(self, descriptor: int = 1) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._lines: deque[dict[str, Any]] = deque()
        self._flusher: asyncio.Task[None] | None = None

    def add(self, line: dict[str, Any]) -> None:
        """Keeps a line for the next batch."""
        if len(self._lines) >= MAX_LINES:
            self.dropped += 1
        else:
            self._lines.append(line)

    def start(self) -> None:
        """Begins writing."""
        self._flusher = asyncio.get_running_loop().create_task(self._keep_flushing())

    async def close(self) -> None:
        """Writes what is left and ends."""
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
            await self._flush()

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, deque()
            data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
            await asyncio.to_thread(_write_all, self._descriptor, data)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
