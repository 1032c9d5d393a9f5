"""So many requests a minute per reader, counted in Redis for all processes together.

The script leaves in the same write as the read it guards, so it costs no round trip. While Redis is away nothing is
limited: the answers come from memory then, and a limit that fails closed would turn its outage into one of ours.
"""

from __future__ import annotations

import asyncio
from hashlib import sha1
from importlib.resources import files
from typing import Any

from serving import resp
from serving.endpoint.problems import Problem
from serving.redis_errors import RedisUnavailable
from serving.redis_link import Link

SCRIPT = files("serving").joinpath("endpoint/guard/gcra.lua").read_bytes()
LOAD = resp.command(b"SCRIPT", b"LOAD", SCRIPT)
_SHA = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
_MINUTE_US = 60_000_000


class RateLimit:
    """`per_minute` > 0 requests, all of which may come at once after a quiet minute. `counts` names what is counted:
    each kind has a limit of its own."""

    def __init__(self, link: Link, root: str, per_minute: int, counts: str = "rate") -> None:
        self._link = link
        self._root = root.encode() + counts.encode() + b":{u:"
        self._one_us = _MINUTE_US // per_minute
        #: More than this in one question never pass.
        self.most_at_once = _MINUTE_US // self._one_us

    def ask(self, reader: str, count: int = 1) -> asyncio.Future[int] | None:
        """Asks for `count` at once, with this turn's other commands; None while Redis is away."""
        key = b"%b%b}" % (self._root, reader.encode())
        arguments = (b"%d" % (self._one_us * count), b"%d" % _MINUTE_US)
        try:
            return self._link.send(resp.command(b"EVALSHA", _SHA, b"1", key, *arguments), key)
        except RedisUnavailable:
            return None

    async def wait_ms(self, question: asyncio.Future[int] | None) -> int:
        """After how many milliseconds it may be asked again; 0 = it may pass, which it may while Redis is away."""
        if question is None:
            return 0
        try:
            return await question
        except RedisUnavailable:
            return 0

    async def check(self, question: asyncio.Future[int] | None) -> None:
        """Raises a 429 Problem with Retry-After when the answer is no."""
        if (wait_ms := await self.wait_ms(question)) > 0:
            raise too_many("requests", wait_ms)


def too_many(what: str, wait_ms: int, **members: Any) -> Problem:
    """A 429 that says when to come back."""
    seconds = -(-wait_ms // 1000)
    sent_headers = [(b"retry-after", b"%d" % seconds)]
    return Problem(429, f"too many {what}", sent_headers=sent_headers, retry_after_s=seconds, **members)
