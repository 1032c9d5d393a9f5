"""Who of a partition's users has read lately, and who found no list, as the endpoint noted it: two sorted sets, user id
to second."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from serving.redis_clients import RedisNodes
from serving.redis_failures import passing_failures

REMOVE_UP_TO = """
for _, key in ipairs(KEYS) do
  for place = 2, #ARGV do
    local second = redis.call('ZSCORE', key, ARGV[place])
    if second and tonumber(second) <= tonumber(ARGV[1]) then redis.call('ZREM', key, ARGV[place]) end
  end
end
"""


class ReaderMarks:
    """The marks of one partition. Every method raises RedisUnavailable when Redis cannot serve in time."""

    def __init__(self, redis: RedisNodes, key: str, missed_key: str) -> None:
        self._redis = redis
        self._key = key
        self._missed_key = missed_key

    async def noted_since(self, since_s: int, limit: int) -> list[tuple[str, int]]:
        """At most `limit` users and the second (since the epoch) of their last read, earliest first."""
        page: dict[str, Any] = {"byscore": True, "offset": 0, "num": limit, "withscores": True}
        with passing_failures():
            found: list[Any] = await self._redis.ask(
                self._key, lambda redis: redis.zrange(self._key, since_s, "+inf", **page)
            )
        return [(user_id.decode(), int(second)) for user_id, second in found]

    async def who_read(self, users: Sequence[str], since_s: int) -> set[str]:
        """Those of `users` who have read since."""
        if not users:
            return set()
        with passing_failures():
            seconds = await self._redis.ask(self._key, lambda redis: redis.zmscore(self._key, list(users)))
        return {user_id for user_id, second in zip(users, seconds, strict=True) if second and float(second) >= since_s}

    async def take_missed(self, limit: int) -> list[str]:
        """At most `limit` users who found no list, the longest waiting first; they are forgotten."""
        with passing_failures():
            found: list[Any] = await self._redis.ask(
                self._missed_key, lambda redis: redis.zpopmin(self._missed_key, limit)
            )
        return [user_id.decode() for user_id, _ in found]

    async def remove(self, users: Collection[str], up_to_s: int) -> None:
        """Forgets that `users` have read, unless it was after a second since the epoch: whoever slept since it decided
        must not take back what was noted meanwhile."""
        if users:
            with passing_failures():
                keys = self._key, self._missed_key
                await self._redis.ask(
                    self._key, lambda redis: redis.eval(REMOVE_UP_TO, len(keys), *keys, b"%d" % up_to_s, *users)
                )

    async def remove_before(self, second: int) -> None:
        """Forgets every read before a second since the epoch."""
        with passing_failures():
            await self._redis.ask(self._key, lambda redis: redis.zremrangebyscore(self._key, "-inf", f"({second}"))
