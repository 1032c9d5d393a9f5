"""redis-py's clients for a Redis URL, where no reader waits: of one server, of what sentinels name, of a cluster.

For the cluster's writers the slot map is ours (`ClusterClients`): redis-py's asynchronous client closes all of its
connections when one node fails, and sleeps while a slot is being moved, once for each command of a pipeline. Here each
primary has a client of its own, so one that is lost costs nobody else anything, and who has to wait is told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar, cast

from redis import Redis as BlockingRedis
from redis import RedisCluster, exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry as BlockingRetry
from redis.sentinel import Sentinel as BlockingSentinel

from serving.redis_address import HostPort, RedisKind, RedisUrl
from serving.redis_errors import RedisUnavailable
from serving.redis_slots import SlotMap, UnusableSlotMap, named, slot_of

#: Requests that are sent again because a node said that the slot is elsewhere by now.
TRIES = 3
#: What says nothing of the request, but that another server may be asked soon.
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
    OSError,
)
#: Between two looks at who serves what, while somebody does not answer.
LOOK_AGAIN_S = 0.1

Answer = TypeVar("Answer")
Ask = Callable[[Redis], Awaitable[Answer]]


class RedisNodes(Protocol):
    """Whoever holds keys."""

    is_split: bool
    """Whether keys are in slots, and a command may name only those of one."""

    async def ask(self, key: str, ask: Callable[[Redis], Awaitable[Answer]]) -> Answer:
        """Asks the server that holds a key; `ask` may be called several times. Raises redis-py's errors, and
        RedisUnavailable."""

    async def split(self, keys: Sequence[str]) -> Iterable[list[int]]:
        """The places of keys, those together that are on one server as far as is known."""

    def server_of(self, key: str) -> str:
        """Who holds a key, as far as is known; any name when there is one server."""

    async def all(self) -> list[Redis]:
        """Every server that takes writes."""

    async def aclose(self) -> None:
        """Ends the connections."""


class OneRedis:
    """One server, or the primary that sentinels name at the time."""

    is_split = False

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def ask(self, key: str, ask: Ask[Answer]) -> Answer:
        """See `RedisNodes`."""
        return await ask(self.redis)

    async def split(self, keys: Sequence[str]) -> Iterable[list[int]]:
        """See `RedisNodes`."""
        return [list(range(len(keys)))]

    def server_of(self, key: str) -> str:
        """See `RedisNodes`."""
        return "redis"

    async def all(self) -> list[Redis]:
        """See `RedisNodes`."""
        return [self.redis]

    async def aclose(self) -> None:
        """See `RedisNodes`."""
        await self.redis.aclose()


class ClusterClients:
    """A client for each primary of a cluster. Safe for concurrent use within one event loop."""

    is_split = True

    def __init__(self, url: RedisUrl, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._clients: dict[HostPort, Redis] = {}
        self._map: SlotMap | None = None
        self._doubted: set[HostPort] = set()  # whoever failed or was wrong since the last look
        self._looked_s = 0.0
        self._looking = asyncio.Lock()

    async def ask(self, key: str, ask: Ask[Answer]) -> Answer:
        """See `RedisNodes`. A slot that is being moved is unavailable: parts of what belongs together are on either
        side. So is what was asked for together and is on several servers by now."""
        slot = slot_of(key.encode())
        for _ in range(TRIES):
            server = await self._server_of(slot)
            try:
                return await ask(self._client(server))
            except exceptions.MovedError as error:
                self._doubted.add(server)
                if self._map is not None:
                    self._map.moved(error.slot_id, named(error.host, error.port, server))
                if error.slot_id != slot:  # of what else is asked for: `split` knows by now, this server does not
                    raise RedisUnavailable(f"slot {error.slot_id} has moved") from error
            except exceptions.AskError as error:
                raise RedisUnavailable(f"slot {slot} is being moved") from error
            except _AWAY:
                self._doubted.add(server)
                raise
        raise RedisUnavailable(f"slot {slot} is served by nobody for long enough")

    async def split(self, keys: Sequence[str]) -> Iterable[list[int]]:
        """See `RedisNodes`."""
        if self._map is None:
            await self._look()
        assert self._map is not None
        places: dict[HostPort | None, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(self._map.of(slot_of(key.encode())), []).append(place)
        return places.values()

    def server_of(self, key: str) -> str:
        """See `RedisNodes`."""
        return str(self._map.of(slot_of(key.encode()))) if self._map is not None else ""

    async def all(self) -> list[Redis]:
        """See `RedisNodes`."""
        await self._look()
        assert self._map is not None
        if self._map.uncovered:
            raise RedisUnavailable(f"{self._map.uncovered} slots are served by nobody")
        return [self._client(server) for server in sorted(self._map.primaries)]

    async def aclose(self) -> None:
        """See `RedisNodes`."""
        await asyncio.gather(*[client.aclose() for client in self._clients.values()])

    def _client(self, server: HostPort) -> Redis:
        client = self._clients.get(server)
        if client is None:
            client = self._clients[server] = Redis(
                host=server.host,
                port=server.port,
                socket_timeout=self._timeout_s,
                socket_connect_timeout=self._timeout_s,
                retry=Retry(NoBackoff(), 0),
                **self._url.client_options(),
            )
        return client

    async def _server_of(self, slot: int) -> HostPort:
        server = None if self._map is None else self._map.of(slot)
        if server is None or server in self._doubted:
            await self._look()
            server = None if self._map is None else self._map.of(slot)
        if server is None:
            raise RedisUnavailable(f"slot {slot} is served by nobody")
        return server

    async def _look(self) -> None:
        """Learns who serves what, from the first node that says so: those that did not fail lately are asked before
        others. Raises RedisUnavailable when nobody answers and nothing is known."""
        async with self._looking:
            if self._map is not None and monotonic() - self._looked_s < LOOK_AGAIN_S:
                return
            why: Exception | None = None
            failed: set[HostPort] = set()
            for server in self._to_ask():
                try:
                    reply = await self._client(server).execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
                    self._map = SlotMap.from_reply(reply, server)
                except exceptions.AuthenticationError:
                    raise
                except (exceptions.RedisError, UnusableSlotMap, OSError) as error:
                    why = error
                    failed.add(server)
                    continue
                self._doubted = failed
                break
            else:
                if self._map is None:
                    raise RedisUnavailable(f"no node of the cluster answers: {why}") from why
            self._looked_s = monotonic()
            await self._forget()

    def _to_ask(self) -> list[HostPort]:
        known = [] if self._map is None else sorted(self._map.primaries)
        return sorted(dict.fromkeys([*known, *self._url.servers]), key=self._doubted.__contains__)

    async def _forget(self) -> None:
        """Closes clients of servers that are no primaries any more."""
        assert self._map is not None
        for server in self._clients.keys() - self._map.primaries - set(self._url.servers):
            await self._clients.pop(server).aclose()


def nodes_of(redis_url: str, timeout_s: float) -> RedisNodes:
    """Connects on first use. The caller decides when to try again: it may have lost its partition."""
    url = RedisUrl.parse(redis_url)
    if url.kind is RedisKind.CLUSTER:
        return ClusterClients(url, timeout_s)
    limits: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    if url.kind is RedisKind.SENTINEL:
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            url.servers, sentinel_kwargs=limits | url.sentinel_options(), **limits, **url.client_options()
        )
        return OneRedis(sentinels.master_for(url.master))
    return OneRedis(Redis.from_url(redis_url, **limits))


def connect(redis_url: str, timeout_s: float | None = None) -> BlockingRedis:
    """A client for commands and tools; connects on first use (of a cluster at once). In a cluster a command may name
    keys of one slot only: `read_many` reads others. Nothing is tried again."""
    limits: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": BlockingRetry(NoBackoff(), 0),
    }
    url = RedisUrl.parse(redis_url)
    if url.kind is RedisKind.SINGLE:
        return BlockingRedis.from_url(redis_url, **limits)
    if url.kind is RedisKind.SENTINEL:
        sentinels = BlockingSentinel(  # type: ignore[no-untyped-call]
            url.servers, sentinel_kwargs=limits | url.sentinel_options(), **limits, **url.client_options()
        )
        return cast(BlockingRedis, sentinels.master_for(url.master))  # type: ignore[no-untyped-call]
    nodes = [ClusterNode(*server) for server in url.servers]  # type: ignore[no-untyped-call]
    # A cluster's client follows MOVED by trying again: without tries it would give up at the first one.
    limits["retry"] = BlockingRetry(NoBackoff(), TRIES)
    return cast(BlockingRedis, RedisCluster(startup_nodes=nodes, **limits, **url.client_options()))


def connect_to(url: RedisUrl, server: HostPort, timeout_s: float) -> BlockingRedis:
    """A client of one server of several."""
    return BlockingRedis(
        host=server.host,
        port=server.port,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=BlockingRetry(NoBackoff(), 0),
        **url.client_options(),
    )


def read_many(redis: BlockingRedis, keys: Sequence[str] | Sequence[bytes]) -> list[bytes | None]:
    """The values under keys, wherever they are."""
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.get(key)
    found: list[bytes | None] = pipeline.execute()
    return found
