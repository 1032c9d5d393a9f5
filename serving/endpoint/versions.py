"""The versions that serve now: the live pointer, and per version its key names as bytes and what it may not show."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import orjson

from serving import resp
from serving.endpoint.blocked import NOTHING, Hidden
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_link import RedisLink
from serving.restated import facts_in

log = logging.getLogger(__name__)

SCANNED = 1000  # members in one reply


@dataclass(slots=True)
class Version:
    """One model version as the hot path needs it: what to put around an id to get a key, and what to hide."""

    keys: Keys
    variant: str
    hidden: Hidden = field(init=False)
    hidden_stamps: tuple[bytes | None, bytes | None] = field(init=False)
    list_head: bytes = field(init=False)
    continue_head: bytes = field(init=False)
    similar_head: bytes = field(init=False)
    audience_head: bytes = field(init=False)
    labels: bytes = field(init=False)
    tail_fresh: bytes = field(init=False)
    tail_stale: bytes = field(init=False)
    etag_middle: bytes = field(init=False)

    def __post_init__(self) -> None:
        prefix = self.keys.prefix.encode()
        self.list_head = prefix + b"list:{u:"
        self.continue_head = prefix + b"continue:{u:"
        self.similar_head = prefix + b"similar:{i:"
        self.audience_head = prefix + b"audience:{u:"
        variant = orjson.dumps(self.variant)
        self.labels = b'"model_version":%b,"variant":%b' % (orjson.dumps(self.keys.version), variant)
        self.tail_fresh = b',"variant":%b,"stale":false' % variant
        self.tail_stale = b',"variant":%b,"stale":true' % variant
        self.hide(NOTHING, (None, None))

    def hide(self, hidden: Hidden, stamps: tuple[bytes | None, bytes | None]) -> None:
        """Hides items from now on. An answer without them is another one: the ETag says so."""
        self.hidden, self.hidden_stamps = hidden, stamps
        self.etag_middle = b".%b.%b." % (self.keys.version.encode(), b"-".join(stamp or b"0" for stamp in stamps))


class LiveVersions:
    """Knows who serves whom. Falls back to the configured version until a pointer is seen, and never goes back."""

    def __init__(self, namespace: str, default_version: str, link: RedisLink) -> None:
        self._namespace = namespace
        self._link = link
        self._pointer = LivePointer({default_version: 100}, sequence=-1)
        self._versions: dict[str, Version] = {}
        self._everyones: Version | None = None
        self._follow(self._pointer, self._versions_of(self._pointer))
        self._live_key = Keys(namespace, default_version).live.encode()

    @property
    def sequence(self) -> int:
        """The sequence number of the pointer in use; -1 before one was seen."""
        return self._pointer.sequence

    @property
    def all(self) -> list[Version]:
        """Every version that serves, in bucket order."""
        return list(self._versions.values())

    def of(self, user_id: str) -> Version:
        """The version that serves a user."""
        return self._everyones or self._versions[self._pointer.version_of(user_id)]

    def first(self) -> Version:
        """The version that serves most: what answers without a user come from."""
        weights = self._pointer.weights
        return self._versions[max(weights, key=weights.__getitem__)]

    def others(self, version: Version) -> list[Version]:
        """The versions to try when a list is missing in one."""
        return [other for other in self._versions.values() if other is not version]

    def _versions_of(self, pointer: LivePointer) -> dict[str, Version]:
        versions = {}
        for name, weight in pointer.weights.items():
            if weight:
                known, variant = self._versions.get(name), pointer.variant_of(name)
                same = known is not None and known.variant == variant
                versions[name] = known if known and same else Version(Keys(self._namespace, name), variant)
        return versions

    async def refresh(self) -> None:
        """Reads the pointer and, where a stamp has changed, the hidden items. Raises RedisUnavailable."""
        value = await self._link.get(self._live_key)
        pointer = self._newer(value) if value is not None else None
        versions = self._versions_of(pointer) if pointer else self._versions
        await asyncio.gather(*[self._refresh_hidden(version) for version in versions.values()])
        if pointer:  # only now: a version must not serve before it is known what it may not show
            self._follow(pointer, versions)

    def _follow(self, pointer: LivePointer, versions: dict[str, Version]) -> None:
        self._pointer, self._versions = pointer, versions
        self._everyones = next(iter(versions.values())) if len(versions) == 1 else None

    def _newer(self, value: bytes) -> LivePointer | None:
        try:
            pointer = LivePointer.decode(value)
            for name in pointer.weights:
                Keys(self._namespace, name)
        except ValueError as error:  # a pointer nobody can follow: stay with the one in use, and say so
            log.error("the live pointer is unusable: %s", error)
            return None
        return pointer if pointer.sequence > self._pointer.sequence else None

    async def _refresh_hidden(self, version: Version) -> None:
        keys, known = version.keys, version.hidden_stamps
        found = await asyncio.gather(
            *[self._link.get(key.encode()) for key in (keys.blocked_stamp, keys.restated_stamp)]
        )
        # No stamp: nothing was ever hidden, or Redis was wiped. A wipe must not show again what was withdrawn.
        stamps = found[0] or known[0], found[1] or known[1]
        if stamps == known:
            return
        blocked = await self._members(b"SSCAN", keys.blocked)
        restated = await self._members(b"HSCAN", keys.restated)
        facts = {item_id: facts_in(value) for item_id, value in zip(restated[::2], restated[1::2], strict=True)}
        version.hide(Hidden(blocked, facts), stamps)

    async def _members(self, scan: bytes, key: str) -> list[bytes]:
        """A whole set or hash (fields and values in turn), however large: each reply comes within its deadline."""
        found: list[bytes] = []
        cursor = b"0"
        while True:
            cursor, members = await self._link.send(resp.command(scan, key.encode(), cursor, b"COUNT", b"%d" % SCANNED))
            found += members
            if cursor == b"0":
                return found
