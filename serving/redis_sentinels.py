"""Asks sentinels where the primary is, for a link that connects anew."""

from __future__ import annotations

from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from serving.redis_address import HostPort, RedisAddress, RedisUrl
from serving.redis_errors import RedisUnavailable

TIMEOUT_S = 0.25


class Sentinels:
    """`find` gives the address of whom they name as primary at the time. Used within one event loop."""

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        limits = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
        self._sentinel = Sentinel(url.servers, sentinel_kwargs=limits | url.sentinel_options())  # type: ignore[no-untyped-call]

    async def find(self) -> RedisAddress:
        """Raises RedisUnavailable while they name none, or none of them answers."""
        try:
            host, port = await self._sentinel.discover_master(self._url.master)
        except (RedisError, OSError) as error:
            raise RedisUnavailable(f"the sentinels name no primary: {error}") from error
        finally:  # they are asked seldom
            for sentinel in self._sentinel.sentinels:
                await sentinel.aclose()
        return self._url.address(HostPort(host, int(port)))
