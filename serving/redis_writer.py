"""What the agents write to Redis: lists that only go forward, shared lists, markers.

    writer = ListWriter.connect("redis://127.0.0.1:6379/0", Keys("demo", "v1"))
    result = await writer.write_lists([(key, stamp.personal(user_id, offset, fragments))], ttl_s=LIST_TTL_S)

Every method raises RedisUnavailable when Redis cannot serve in time; what was written up to then stays written,
and writing it again is harmless, because a list never goes back (forward_only.lua).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.reader_marks import ReaderMarks
from serving.redis_failures import passing_failures

SCRIPT = files("serving").joinpath("forward_only.lua").read_text()
LIVE_SCRIPT = files("serving").joinpath("live_forward.lua").read_text()
MOVE_MARKER = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
REMOVE_UP_TO = """
local head = redis.pcall('GETRANGE', KEYS[1], 6, 13) -- the offset, see serving/list_format.py
if type(head) == 'string' and #head == 8 and struct.unpack('>i8', head) > tonumber(ARGV[1]) then return 0 end
return redis.call('UNLINK', unpack(KEYS))
"""
#: (key, value) pairs that are written together.
Group = Sequence[tuple[str, bytes]]
CHUNK_LISTS = 100  # 1.5 MB at 15 KB a list: one larger write costs more per list, smaller ones more round trips
TIMEOUT_S = 2.0  # the library's defaults wait for a minute on a hung server


@dataclass(frozen=True, slots=True)
class WriteResult:
    """How many lists were written, and how many refused because a newer one is stored."""

    written: int
    refused: int


class ListWriter:
    """Writes one version's keys. Safe for concurrent use within one event loop."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.keys = keys
        self._redis = redis
        self._script_sha: str | None = None

    @classmethod
    def connect(cls, redis_url: str, keys: Keys, *, timeout_s: float = TIMEOUT_S) -> ListWriter:
        """A writer for redis://, rediss:// (TLS) or unix://; connects on first use. Password and user in the URL."""
        redis = Redis.from_url(
            redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # the caller decides when to try again; it may have lost its partition
        )
        return cls(redis, keys)

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()

    async def write_lists(self, lists: Sequence[tuple[str, bytes]], ttl_s: int) -> WriteResult:
        """Writes list_format values under their keys, each only when it does not take its list back.

        One round trip per CHUNK_LISTS lists. `ttl_s` > 0.
        """
        return await self.write_together([(pair,) for pair in lists], ttl_s)

    async def write_together(self, groups: Sequence[Group], ttl_s: int) -> WriteResult:
        """Writes groups of values that were made together, each group as a whole or not at all: its first value is in
        list_format and decides as in `write_lists`. The keys of a group have one hash tag.
        """
        written = 0
        with passing_failures():
            for start in range(0, len(groups), CHUNK_LISTS):
                written += await self._write_chunk(groups[start : start + CHUNK_LISTS], ttl_s)
        return WriteResult(written, len(groups) - written)

    async def _write_chunk(self, groups: Sequence[Group], ttl_s: int) -> int:
        replies = await self._send_chunk(groups, ttl_s)
        lost = [group for group, reply in zip(groups, replies, strict=True) if isinstance(reply, NoScriptError)]
        if lost:  # the server was restarted or its scripts flushed
            self._script_sha = None
            replies = [reply for reply in replies if not isinstance(reply, NoScriptError)]
            replies += await self._send_chunk(lost, ttl_s)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return sum(replies)

    async def _send_chunk(self, groups: Sequence[Group], ttl_s: int) -> list[Any]:
        if self._script_sha is None:
            self._script_sha = await self._redis.script_load(SCRIPT)
        pipeline = self._redis.pipeline(transaction=False)
        for group in groups:
            keys, values = zip(*group, strict=True)
            pipeline.execute_command("EVALSHA", self._script_sha, len(keys), *keys, *values, ttl_s)
        return await pipeline.execute(raise_on_error=False)

    async def write_shared(self, key: str, value: bytes, ttl_s: int) -> bool:
        """Writes a list that belongs to no user; False when a list that was generated later is stored."""
        return (await self.write_lists([(key, value)], ttl_s)).written == 1

    async def write_zset(self, key: str, scores: Mapping[str, float], ttl_s: int) -> None:
        """Replaces a sorted set as a whole; an empty mapping removes it."""
        with passing_failures():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.delete(key)
                if scores:
                    pipeline.zadd(key, dict(scores))
                    pipeline.expire(key, ttl_s)
                await pipeline.execute()

    async def blocked_items(self) -> set[str]:
        """The items that no answer of this version may show."""
        with passing_failures():
            members: set[bytes] = await self._redis.smembers(self.keys.blocked)  # type: ignore[assignment]  # undecoded
            return {item_id.decode() for item_id in members}

    async def change_blocked(self, block: Collection[str] = (), unblock: Collection[str] = ()) -> None:
        """Adds items to the blocked ones and takes others out."""
        with passing_failures():
            async with self._redis.pipeline(transaction=True) as pipeline:
                if block:
                    pipeline.sadd(self.keys.blocked, *block)
                if unblock:
                    pipeline.srem(self.keys.blocked, *unblock)
                pipeline.incr(self.keys.blocked_stamp)
                await pipeline.execute()

    async def move_written_position(self, partition: int, known: int | None, next_offset: int) -> bool:
        """Notes that every list of a partition reflects all events before `next_offset`.

        False, and nothing noted, when the noted position is not `known` (None = nothing noted) any more.
        """
        before = b"" if known is None else b"%d" % known
        with passing_failures():
            moved = await self._redis.eval(MOVE_MARKER, 1, self.keys.written(partition), before, b"%d" % next_offset)
        return bool(moved)

    async def written_position(self, partition: int) -> int | None:
        """The noted position; None in a Redis that is new or was wiped, an older one after a lossy failover."""
        with passing_failures():
            found = await self._redis.get(self.keys.written(partition))
        return None if found is None else int(found)

    async def remove_users(self, users: Iterable[str]) -> int:
        """Removes everything this version holds of `users`; returns how many keys there were."""
        removed = 0
        with passing_failures():
            for user_id in users:
                removed += await self._redis.unlink(*self.keys.of_user(user_id))
        return removed

    async def remove_users_up_to(self, last_offsets: Mapping[str, int]) -> int:
        """The same for users by the last offset that is known of them: whoever has a list of a later one is left alone.
        A process that slept since it decided may then not take away what another one wrote.
        """
        removed = 0
        with passing_failures():
            for user_id, offset in last_offsets.items():
                keys = self.keys.of_user(user_id)
                removed += await self._redis.eval(REMOVE_UP_TO, len(keys), *keys, b"%d" % offset)
        return removed

    async def write_plain(self, key: str, value: bytes, ttl_s: int) -> None:
        """Writes a value that is not in list_format."""
        with passing_failures():
            await self._redis.set(key, value, ex=ttl_s)

    def reader_marks(self, partition: int) -> ReaderMarks:
        """Who of a partition's users has read lately, over the same connections."""
        return ReaderMarks(self._redis, self.keys.readers(partition))

    async def switch_live(self, pointer: LivePointer) -> bool:
        """Makes endpoints follow the pointer; False when one with its sequence number or a later one is there."""
        with passing_failures():
            written = await self._redis.eval(LIVE_SCRIPT, 1, self.keys.live, pointer.encode(), pointer.sequence)
        return bool(written == 1)

    async def read(self, key: str) -> bytes | None:
        """The stored value, for inspection and tests."""
        with passing_failures():
            value = await self._redis.get(key)
        assert not isinstance(value, str), "the client is made without decode_responses"
        return value

    async def purge_version(self) -> int:
        """Removes every key of this version; returns how many."""
        patterns = (f"{self.keys.prefix}*", self.keys.blocked, self.keys.blocked_stamp)
        return sum([await self._purge(pattern) for pattern in patterns])

    async def purge_namespace(self) -> int:
        """Removes every key of the namespace, all versions and the live pointer; returns how many.

        Raises ValueError for the empty namespace, which shares the database with everybody else.
        """
        if not self.keys.namespace:
            raise ValueError("the empty namespace cannot be purged as a whole; purge its versions")
        return await self._purge(f"{self.keys.root}*")

    async def _purge(self, pattern: str) -> int:
        removed = 0
        with passing_failures():
            found: list[bytes] = []
            async for key in self._redis.scan_iter(match=pattern, count=1000):
                found.append(key)
                if len(found) == 1000:
                    removed += await self._redis.unlink(*found)
                    found.clear()
            if found:
                removed += await self._redis.unlink(*found)
        return removed
