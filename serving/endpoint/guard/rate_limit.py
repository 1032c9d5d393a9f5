"""So many requests a minute per reader, counted in Redis for all processes together.

The script leaves in the same write as the read it guards, so it costs no round trip. While Redis is away nothing is
limited: the answers come from memory then, and a limit that fails closed would turn its outage into one of ours.
"""

from __future__ import annotations

import asyncio
from hashlib import sha1
from importlib.resources import files

from serving import resp
from serving.endpoint.problems import Problem
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

SCRIPT = files("serving").joinpath("endpoint/guard/gcra.lua").read_bytes()
LOAD = resp.command(b"SCRIPT", b"LOAD", SCRIPT)
_SHA = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
_MINUTE_US = 60_000_000


class RateLimit:
    """`per_minute` > 0 requests, all of which may come at once after a quiet minute."""

    def __init__(self, link: RedisLink, root: str, per_minute: int) -> None:
        self._link = link
        self._root = root.encode() + b"rate:{u:"
        self._arguments = (b"%d" % (_MINUTE_US // per_minute), b"%d" % _MINUTE_US)

    def ask(self, reader: str) -> asyncio.Future[int] | None:
        """Sends the question with this turn's other commands; None while Redis is away."""
        key = b"%b%b}" % (self._root, reader.encode())
        try:
            return self._link.send(resp.command(b"EVALSHA", _SHA, b"1", key, *self._arguments))
        except RedisUnavailable:
            return None

    async def check(self, question: asyncio.Future[int] | None) -> None:
        """Raises a 429 Problem with Retry-After when the answer is no."""
        if question is None:
            return
        try:
            wait_ms = await question
        except RedisUnavailable:
            return
        if wait_ms > 0:
            seconds = -(-wait_ms // 1000)
            raise Problem(
                429, "too many requests", sent_headers=[(b"retry-after", b"%d" % seconds)], retry_after_s=seconds
            )
