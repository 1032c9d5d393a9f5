"""A link to each primary of a Redis Cluster, and who is asked for a key.

    a key ──▶ its slot ──▶ the primary that the map names ──▶ its link
                                    │ MOVED, ASK: the same frame once more, to whom the node names
                                    ▼
                              the map is read again: at once, and every second

A primary that is away fails the requests for its own slots at once, like a single Redis; the others are none the
wiser. While some slot has nobody who answers, the map is read ten times a second: a replica takes over within the
cluster's node timeout, and its first answer is one look away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from serving import resp
from serving.redis_address import HostPort, RedisUrl
from serving.redis_errors import RedisUnavailable
from serving.redis_link import DEADLINE_S, RedisLink
from serving.redis_slots import SlotMap, UnusableSlotMap, redirected_to, slot_of
from serving.supervisor import LoopSupervisor

log = logging.getLogger(__name__)

LOOK_S = 1.0
LOOK_AGAIN_S = 0.1  # while some slot is served by nobody, or somebody was sent elsewhere
_SLOTS = resp.command(b"CLUSTER", b"SLOTS")


class ClusterLink:
    """See `serving.redis_link.Link`. Made and used within one event loop."""

    def __init__(
        self,
        url: RedisUrl,
        *,
        deadline_s: float = DEADLINE_S,
        on_connect: tuple[bytes, ...] = (),
        supervisor: LoopSupervisor | None = None,
    ) -> None:
        self._url = url
        self._deadline_s = deadline_s
        self._on_connect = on_connect
        self._supervisor = supervisor or LoopSupervisor()
        self._links: dict[HostPort, RedisLink] = {}
        self._map = SlotMap([])
        self._to_look = asyncio.Event()
        self._looked = asyncio.Event()  # once: all slots have a link that is up
        self._looker: asyncio.Task[None] | None = None
        self._former = (0, 0)  # trips and connects of links that are closed
        self._turn = 0
        self.why_unknown = ""

    # -- what it is like ------------------------------------------------------------------------------------------

    @property
    def trips(self) -> int:
        """See `Link`."""
        return self._former[0] + sum(link.trips for link in self._links.values())

    @property
    def connects(self) -> int:
        """See `Link`."""
        return self._former[1] + sum(link.connects for link in self._links.values())

    @property
    def is_up(self) -> bool:
        """Whether every slot has a primary that answers."""
        return not self._map.uncovered and all(map(self._is_up, self._map.primaries))

    @property
    def why_down(self) -> str:
        """See `Link`."""
        why = [self.why_unknown] if self.why_unknown else []
        if self._map.primaries and self._map.uncovered:
            why.append(f"{self._map.uncovered} slots are served by nobody")
        why += [f"{server}: {link.why_down}" for server, link in sorted(self._links.items()) if link.why_down]
        return "; ".join(why)

    def serves(self, key: bytes) -> bool:
        """See `Link`."""
        server = self._map.of(slot_of(key))
        return server is not None and self._is_up(server)

    def _is_up(self, server: HostPort) -> bool:
        link = self._links.get(server)
        return link is not None and link.is_up

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, wait_s: float = 1.0) -> None:
        """See `Link`."""
        self._looker = self._supervisor.keep("redis cluster", self._keep_looking)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._looked.wait()

    async def close(self) -> None:
        """See `Link`."""
        if self._looker is not None:
            self._looker.cancel()
            await asyncio.gather(self._looker, return_exceptions=True)
        await asyncio.gather(*[link.close() for link in self._links.values()])

    # -- asking ---------------------------------------------------------------------------------------------------

    def send(self, frame: bytes, key: bytes) -> asyncio.Future[Any]:
        """See `Link`."""
        server = self._map.of(slot_of(key))
        link = None if server is None else self._links.get(server)
        if link is None:
            self._to_look.set()
            raise RedisUnavailable("nobody serves the slot")
        try:
            return link.send(frame)
        except RedisUnavailable:
            self._to_look.set()
            raise

    def get(self, key: bytes) -> asyncio.Future[bytes | None]:
        """See `Link`."""
        return self.send(resp.get(key), key)

    def ping(self) -> asyncio.Future[Any]:
        """See `Link`."""
        up = [link for link in self._links.values() if link.is_up]
        if not up:
            raise RedisUnavailable("no primary answers")
        self._turn += 1
        return up[self._turn % len(up)].send(resp.PING)

    def reset(self, key: bytes) -> None:
        """See `Link`."""
        server = self._map.of(slot_of(key))
        if server is not None and server in self._links:
            self._links[server].reset()

    def _redirected(self, asked: HostPort, error: str, frame: bytes, future: asyncio.Future[Any]) -> bool:
        """Sends what a node refused to whom it named; False = nobody is there who would answer it in time."""
        named = redirected_to(error, asked)
        if named is None:
            return False
        for_good, slot, server = named
        self._to_look.set()
        if for_good:
            self._map.moved(slot, server)
        link = self._links.get(server) or self._open(server)
        try:
            link.take_over(frame, future, asking=not for_good)
        except RedisUnavailable:  # it is connecting
            return False
        return True

    # -- who serves what ------------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            self._to_look.clear()
            await self._look()
            if self.is_up:
                self._looked.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self.is_up else LOOK_AGAIN_S):
                    await self._to_look.wait()
                    await asyncio.sleep(LOOK_AGAIN_S)  # many may be sent elsewhere at once

    async def _look(self) -> None:
        if not any(link.is_up for link in self._links.values()):
            for server in self._url.servers:
                if server not in self._links:
                    self._open(server)
        self._turn += 1
        servers = sorted(self._links)
        for place in range(len(servers)):  # another one each time: one that is cut off from the others is wrong
            server = servers[(place + self._turn) % len(servers)]
            link = self._links[server]
            if not link.is_up:
                continue
            try:
                reply = await link.send(_SLOTS)
                await self._follow(reply, server)
            except (RedisUnavailable, UnusableSlotMap) as error:
                if str(error) != self.why_unknown:
                    log.warning("%s does not say who serves what: %s", server, error)
                self.why_unknown = str(error)
                continue
            self.why_unknown = ""
            return

    async def _follow(self, reply: Any, asked: HostPort) -> None:
        self._map = SlotMap.from_reply(reply, asked)
        for server in self._map.primaries - self._links.keys():
            self._open(server)
        if not self._map.uncovered and all(map(self._is_up, self._map.primaries)):
            for server in self._links.keys() - self._map.primaries:
                link = self._links.pop(server)
                self._former = self._former[0] + link.trips, self._former[1] + link.connects
                await link.close()

    def _open(self, server: HostPort) -> RedisLink:
        link = self._links[server] = RedisLink(
            self._url.address(server),
            deadline_s=self._deadline_s,
            on_connect=self._on_connect,
            supervisor=self._supervisor,
            redirect=lambda error, frame, future: self._redirected(server, error, frame, future),
            name=f"redis link {server}",
        )
        link.open()
        return link
