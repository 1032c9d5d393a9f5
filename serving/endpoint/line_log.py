"""Structured lines (JSON) to standard output, never on the request path: a full buffer drops lines and counts them.

What cannot be written (a full disk, a pipe that nobody reads) is kept and tried again. So a line is lost only when
MAX_LINES others wait, or when it still cannot be written at the end; then it is counted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
from collections import deque
from typing import Any

import orjson

from serving.supervisor import LoopSupervisor

log = logging.getLogger(__name__)

MAX_LINES = 50_000
FLUSH_S = 0.2
#: How long a descriptor that does not block may take no bytes before that is a failure.
TAKES_NOTHING_S = 1.0


class LineLog:
    """Takes dictionaries, writes lines in batches from a thread, so that a slow reader of the log blocks nobody."""

    def __init__(self, descriptor: int = 1, supervisor: LoopSupervisor | None = None) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._supervisor = supervisor or LoopSupervisor()
        self._lines: deque[dict[str, Any]] = deque()
        self._unwritten: deque[memoryview] = deque()  # lines; of the first one a part may be written
        self._flusher: asyncio.Task[None] | None = None

    def add(self, line: dict[str, Any]) -> None:
        """Keeps a line for the next batch."""
        if len(self._lines) + len(self._unwritten) >= MAX_LINES:
            self.dropped += 1
        else:
            self._lines.append(line)

    def start(self) -> None:
        """Begins writing."""
        self._flusher = self._supervisor.keep("line log", self._keep_flushing)

    async def close(self) -> None:
        """Writes what is left and ends; what cannot be written is counted as dropped."""
        if self._flusher is None:
            return
        self._flusher.cancel()
        await asyncio.gather(self._flusher, return_exceptions=True)
        try:
            await self._flush()
        except OSError as error:
            left = len(self._lines) + len(self._unwritten)
            self.dropped += left
            log.error("%d log lines could not be written: %s", left, error)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.shield(self._flush())
            await asyncio.sleep(FLUSH_S)

    async def _flush(self) -> None:
        while self._lines:
            self._unwritten.append(memoryview(orjson.dumps(self._lines.popleft(), option=orjson.OPT_APPEND_NEWLINE)))
        if self._unwritten:
            await asyncio.to_thread(self._write_all)

    def _write_all(self) -> None:
        while self._unwritten:
            batch = list(self._unwritten)
            taken = self._write(b"".join(batch))
            for line in batch:
                if taken < len(line):
                    self._unwritten[0] = line[taken:]
                    break
                taken -= len(line)
                self._unwritten.popleft()

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            _, takes, _ = select.select((), (self._descriptor,), (), TAKES_NOTHING_S)
            if not takes:
                raise
            return 0
