"""The keys of a token issuer (JWKS): fetched again when they are old, or when a token names one that is not known.

    fetched ──refresh_s old, or an unknown key is named──▶ fetched again: what is not there any more is forgotten
       │                                                      │ fails: they stay in use and are asked for again soon
       └──────────────stale_s without a success───────────────┴──▶ none is trusted, and the process says so

So a key that is withdrawn is refused `refresh_s` later, and an issuer that is away for a while locks nobody out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5
PAUSE_S = 10.0  # an unknown key id makes us ask for the keys again, but not more often than this
ALGORITHMS = ("RS256", "ES256")

#: A key, with the one algorithm it is for.
Key = tuple[Any, list[str]]


class KeysUnusable(RuntimeError):
    """What the address answers are no keys, or it does not answer."""


class IssuerKeys:
    """Made within the event loop; `keep` is to be supervised. `changed` is called when a key came or went."""

    def __init__(self, url: str, refresh_s: float, stale_s: float, changed: Callable[[], None] = lambda: None) -> None:
        self.tried = asyncio.Event()  # once, whatever came of it
        self._url = url
        self._client = jwt.PyJWKClient(url, timeout=FETCH_TIMEOUT_S)
        self._refresh_s = refresh_s
        self._stale_s = stale_s
        self._changed = changed
        self._keys: dict[str, Key] = {}
        self._fetched_s: float | None = None
        self._asked_s = float("-inf")
        self._named = asyncio.Event()

    def get(self, key_id: str) -> Key | None:
        """A key by its id; None when it is not known, or was not confirmed for too long."""
        if self.unusable:
            return None
        known = self._keys.get(key_id)
        if known is None:
            self._named.set()
        return known

    @property
    def unusable(self) -> str:
        """Why no key is trusted now; "" when they are."""
        if self._fetched_s is None:
            return f"the keys of the issuer were never read from {self._url}"
        age_s = time.monotonic() - self._fetched_s
        return f"the keys of the issuer were last read {age_s:.0f} s ago" if age_s > self._stale_s else ""

    async def keep(self) -> None:
        """Fetches until cancelled. Raises `KeysUnusable`; called again, it asks at once."""
        while True:
            try:
                await self._fetch()
            finally:
                self.tried.set()
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._refresh_s):
                await self._named.wait()
                await asyncio.sleep(max(0.0, self._asked_s + PAUSE_S - time.monotonic()))

    async def _fetch(self) -> None:
        self._named.clear()
        self._asked_s = time.monotonic()
        try:
            found = await asyncio.to_thread(self._client.get_jwk_set, True)
        except (jwt.PyJWTError, OSError, ValueError) as error:  # ValueError: a web page instead of JSON
            raise KeysUnusable(f"{self._url} does not answer with the issuer's keys (JWKS): {error}") from error
        keys = {
            key.key_id: (key.key, [key.algorithm_name])
            for key in found.keys
            if key.key_id is not None and key.algorithm_name in ALGORITHMS
        }
        if not keys:
            raise KeysUnusable(f"{self._url} names no key with an id and one of the algorithms {', '.join(ALGORITHMS)}")
        withdrawn = self._keys.keys() - keys.keys()
        self._keys, self._fetched_s = keys, time.monotonic()
        if withdrawn:
            log.info("keys of the issuer are withdrawn: %s", ", ".join(sorted(withdrawn)))
        self._changed()
