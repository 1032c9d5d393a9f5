"""The cheapest HTTP/1.1 client that still reads every answer: one request at a time over a kept-alive connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple, cast

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: close", re.IGNORECASE)
_SOURCE = re.compile(rb'"source":"(\w+)"')
_HEAD_OF_BODY = 600  # the labels of an answer come before its items
POPULAR = 0  # whose items the popular list holds
INTERESTS = 200  # users of one interest have the same items, and each list names its user by its offset
_OFFSET = re.compile(rb'"as_of":{"partition":0,"offset":(\d+)}')


class Answer(NamedTuple):
    """One answer and what was asked."""

    status: int
    body: bytes
    user: int
    due_s: float
    closes: bool

    @property
    def source(self) -> str:
        """The body's label; "" when it has none."""
        found = _SOURCE.search(self.body, 0, _HEAD_OF_BODY)
        return found[1].decode() if found else ""

    @property
    def is_empty(self) -> bool:
        """Whether it is a list without items."""
        return self.status == 200 and b'"item_id":' not in self.body

    def belongs_to(self, user: int) -> bool:
        """Whether the body names this user and every item in it is of their list, as `endpoint_servers.fill` wrote it
        (errors belong to nobody and are counted by their status).

        The name alone proves nothing: the endpoint calls the user as the request did, whatever list it cuts.
        """
        if self.status != 200:
            return True
        owner = user if self.source == "personal" else POPULAR
        items = self.body.count(b'"item_id":')
        own = self.body.count(b'"item_id":"i%d-' % (owner % INTERESTS))
        head = self.body[:_HEAD_OF_BODY]
        said = _OFFSET.search(head)
        is_theirs = said is None or int(said[1]) == owner
        return b'"user_id":"u%d"' % user in head and is_theirs and 0 < items == own


class Connection(asyncio.Protocol):
    """Calls `answered(self, answer)` for each answer and `lost(self, was a request under way)` at the end."""

    def __init__(
        self, answered: Callable[[Connection, Answer], None], lost: Callable[[Connection, bool], None]
    ) -> None:
        self._answered = answered
        self._lost = lost
        self._buffer = b""
        self._asked: tuple[int, float] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Called by the loop."""
        self._lost(self, self._asked is not None)

    def ask(self, path: str, headers: str, user: int, due_s: float) -> None:
        """Sends one request; the one before must be answered."""
        assert self._transport is not None
        self._asked = (user, due_s)
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        end = head_end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < end or self._asked is None:
            return
        closes = _CLOSE.search(self._buffer, 0, head_end + 2) is not None
        body, status = self._buffer[head_end + 4 : end], int(self._buffer[9:12])
        user, due_s = self._asked
        self._buffer, self._asked = self._buffer[end:], None
        self._answered(self, Answer(status, body, user, due_s, closes))
