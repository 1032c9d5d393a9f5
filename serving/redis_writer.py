"""What the agents write to Redis: lists that only go forward, shared lists, written positions.

    writer = ListWriter.connect("redis://127.0.0.1:6379/0", Keys("demo", "v1"))
    result = await writer.write_lists([(key, stamp.personal(user_id, offset, fragments))], ttl_s=LIST_TTL_S)

Every method raises RedisUnavailable when Redis cannot serve in time; what was written up to then stays written,
and writing it again is harmless, because a list never goes back (forward_only.lua).

Whatever the owner of a partition writes bears its term and a number (`serving.write_order`). Redis refuses what is
older than what it holds; whoever wrote is told, and `refused` counts it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from importlib.resources import files
from itertools import chain
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from serving.experiments import ExperimentBook
from serving.first_failure import FirstFailure
from serving.item_card import ItemCard, field_of
from serving.keys import Keys
from serving.list_format import ordered
from serving.live_pointer import LivePointer
from serving.reader_marks import ReaderMarks
from serving.redis_address import is_cluster
from serving.redis_clients import OneRedis, RedisNodes, nodes_of
from serving.redis_errors import NotTheWriter, RedisUnavailable
from serving.redis_failures import passing_failures
from serving.write_order import PartitionOwner, WrittenPosition
from streams.metrics import DURATION_BOUNDS_S, Distribution

SCRIPT = files("serving").joinpath("forward_only.lua").read_text()
IS_LATER = files("serving").joinpath("is_later.lua").read_text()
ZSET_SCRIPT = IS_LATER + files("serving").joinpath("ordered_zset.lua").read_text()
CARDS_SCRIPT = IS_LATER + files("serving").joinpath("ordered_cards.lua").read_text()
HASH_SCRIPT = IS_LATER + files("serving").joinpath("ordered_hash.lua").read_text()
LIVE_SCRIPT = files("serving").joinpath("live_forward.lua").read_text()
AUDIENCE_SCRIPT = files("serving").joinpath("change_audience.lua").read_text()
REMOVE_SCRIPT = files("serving").joinpath("remove_user.lua").read_text()
#: Sets a key that still holds what is known of it ('' = nothing).
SWAP = """
local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
#: Forgets the last change of cards if it is the one that is named, or where cards or their changes are gone.
END_CARD_EPOCH = """
if redis.call('GET', KEYS[1]) == ARGV[1] or redis.call('EXISTS', KEYS[2], KEYS[3]) < 2 then
  redis.call('DEL', KEYS[1])
end
"""
#: The same as SWAP for the written position, and for what goes with it, unless another writer is noted, or none.
ADVANCE_WRITTEN_POSITION = """
if redis.call('GET', KEYS[3]) ~= ARGV[4] then return -1 end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 1
"""


class Told(IntEnum):
    """What became of a record of what a user may see; the script's answers."""

    SAME = 0
    """The user's list was made with it, or there is none."""
    CHANGED = 1
    """The user's list was made with other limits."""
    LEFT_ALONE = 2
    """Nothing was written: the user's list reflects more than the record does."""


#: What scripts answer when another writer is noted, or none.
NOT_THE_WRITER = -1
LIST_NOT_THE_WRITERS = 0
Answer = TypeVar("Answer")

#: (key, value) pairs that are written together.
Group = Sequence[tuple[str, bytes]]
CHUNK_LISTS = 100  # 200 KB at 2 KB a list; one larger write keeps Redis from everybody else, smaller ones cost more
CHUNK_CARDS = 500  # in one script: Redis serves nobody else meanwhile
TIMEOUT_S = 2.0  # the library's defaults wait for a minute on a hung server


@dataclass(frozen=True, slots=True)
class WriteResult:
    """How many lists were written, and the places of those that were refused because a newer one is stored."""

    written: int
    refused: tuple[int, ...] = ()


class PartitionNote(NamedTuple):
    """Who writes what belongs to a partition's users, what is written of their lists, and the position before which
    all their erasures are carried out; None = not noted."""

    holder: bytes | None
    written_position: WrittenPosition | None
    erased: int | None


class ListWriter:
    """Writes one version's keys. Safe for concurrent use within one event loop.

    Keys of users are named without their place; in a cluster they are put where the owner's partition is.
    """

    def __init__(self, redis: Redis | RedisNodes, keys: Keys) -> None:
        self.keys = keys
        self.refused = 0  # writes of any kind that came too late
        self.unavailable = 0  # requests that Redis did not serve in time
        self.seconds = Distribution(DURATION_BOUNDS_S)  # of a round trip, whatever was asked
        self._nodes: RedisNodes = OneRedis(redis) if isinstance(redis, Redis) else redis
        self._script_shas: dict[Redis, str] = {}  # where the script that writes lists was left, under which name

    @classmethod
    def connect(cls, redis_url: str, keys: Keys, *, timeout_s: float = TIMEOUT_S) -> ListWriter:
        """A writer for the URLs of `serving.redis_address.RedisUrl`; connects on first use."""
        return cls(nodes_of(redis_url, timeout_s), replace(keys, clustered=is_cluster(redis_url)))

    async def close(self) -> None:
        """Ends the connections."""
        await self._nodes.aclose()

    async def write_lists(
        self, lists: Sequence[tuple[str, bytes]], ttl_s: int, owner: PartitionOwner | None = None
    ) -> WriteResult:
        """Writes list_format values under their keys, each only when it does not take its list back.

        One round trip per CHUNK_LISTS lists. `ttl_s` > 0. Without an `owner` (tools, tests) values keep their order.
        """
        return await self.write_together([(pair,) for pair in lists], ttl_s, owner)

    async def write_together(
        self, groups: Sequence[Group], ttl_s: int, owner: PartitionOwner | None = None, held: bool = False
    ) -> WriteResult:
        """Writes groups of values that were made together, each group as a whole or not at all: its first value is in
        list_format and decides as in `write_lists`. The keys of a group have one hash tag.

        With `held` nothing is written unless the owner of the partition holds the right to write for its users.

        Raises:
            NotTheWriter: another owner holds it, or none.
        """
        guard = (self.keys.holder(owner.partition), _name(owner)) if owner is not None and held else None
        if owner is not None and held and self.keys.clustered:
            groups = [[(self.keys.at(owner.partition, key), value) for key, value in group] for group in groups]
        if owner is not None:
            order = owner.next()
            groups = [((key, ordered(value, order)), *others) for (key, value), *others in groups]
        replies = [LIST_NOT_THE_WRITERS] * len(groups)
        failure = FirstFailure()
        for places in await self._nodes.split([group[0][0] for group in groups]):
            with failure.kept():  # the other servers hold what is theirs
                for start in range(0, len(places), CHUNK_LISTS):
                    chunk = places[start : start + CHUNK_LISTS]
                    written = await self._write_chunk([groups[place] for place in chunk], ttl_s, guard)
                    for place, reply in zip(chunk, written, strict=True):
                        replies[place] = reply
        failure.tell()
        if LIST_NOT_THE_WRITERS in replies:
            raise NotTheWriter
        refused = tuple(place for place, reply in enumerate(replies) if not self._is_written(reply, owner))
        return WriteResult(len(groups) - len(refused), refused)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What is asked inside is timed, and what passes by itself becomes RedisUnavailable."""
        began_s = perf_counter()
        try:
            with passing_failures():
                yield
        except RedisUnavailable:
            self.unavailable += 1
            raise
        self.seconds.observe(perf_counter() - began_s)

    async def _ask(self, key: str, ask: Callable[[Redis], Awaitable[Answer]]) -> Answer:
        with self._asking():
            return await self._nodes.ask(key, ask)

    async def _run(self, script: str, keys: Sequence[str], *arguments: int | bytes | str) -> Any:
        """Runs a script over keys that are in one place."""
        return await self._ask(keys[0], lambda redis: redis.eval(script, len(keys), *keys, *arguments))

    def _is_written(self, reply: int, owner: PartitionOwner | None) -> bool:
        """What a script's reply says; both count a refusal."""
        if reply > 0:
            return True
        self.refused += 1
        if owner is not None:
            owner.is_refused(-1 - reply)
        return False

    async def _write_chunk(self, groups: Sequence[Group], ttl_s: int, guard: tuple[str, bytes] | None) -> list[int]:
        async def write(redis: Redis) -> list[int]:
            replies = await self._send_chunk(redis, groups, ttl_s, guard)
            lost = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if lost:  # the server was restarted or its scripts flushed
                self._script_shas.pop(redis, None)
                again = await self._send_chunk(redis, [groups[at] for at in lost], ttl_s, guard)
                for place, reply in zip(lost, again, strict=True):
                    replies[place] = reply
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies

        return await self._ask(groups[0][0][0], write)

    async def _send_chunk(
        self, redis: Redis, groups: Sequence[Group], ttl_s: int, guard: tuple[str, bytes] | None
    ) -> list[Any]:
        sha = self._script_shas.get(redis)
        if sha is None:
            sha = self._script_shas[redis] = await redis.script_load(SCRIPT)
        pipeline = redis.pipeline(transaction=False)
        holder, writer = ((guard[0],), guard[1]) if guard else ((), b"")
        for group in groups:
            keys, values = zip(*group, strict=True)
            pipeline.execute_command("EVALSHA", sha, len(keys) + len(holder), *keys, *holder, *values, ttl_s, writer)
        return await pipeline.execute(raise_on_error=False)

    async def change_audiences(
        self, values: Sequence[tuple[str, str, bytes, int]], ttl_s: int, owner: PartitionOwner
    ) -> list[Told]:
        """Writes what users of the owner's partition may see from now on where it is another than what is stored: (key
        of the user's list, key, record, offset that the record reflects). One whose list reflects a later offset is
        left alone. Returns what became of each. Raises NotTheWriter.
        """
        holder, writer = self.keys.holder(owner.partition), _name(owner)
        at = partial(self.keys.at, owner.partition)

        async def change(chunk: Sequence[tuple[str, str, bytes, int]], redis: Redis) -> list[int]:
            pipeline = redis.pipeline(transaction=False)
            for list_key, key, value, offset in chunk:
                keys = at(list_key), at(key), holder
                pipeline.eval(AUDIENCE_SCRIPT, len(keys), *keys, b"%d" % offset, value, ttl_s, writer)
            return await pipeline.execute()

        replies: list[int] = []
        for start in range(0, len(values), CHUNK_LISTS):
            replies += await self._ask(holder, partial(change, values[start : start + CHUNK_LISTS]))
        return [Told(_answered(reply)) for reply in replies]

    async def write_shared(self, key: str, value: bytes, ttl_s: int, owner: PartitionOwner | None = None) -> bool:
        """Writes a list that belongs to no user; False when a list that was written later is stored."""
        return (await self.write_lists([(key, value)], ttl_s, owner)).written == 1

    async def write_zset(self, key: str, scores: Mapping[str, float], ttl_s: int, owner: PartitionOwner) -> bool:
        """Replaces a sorted set as a whole; an empty mapping removes it. False when one that was written later is
        stored."""
        members = [part for member, score in scores.items() for part in (repr(float(score)), member)]
        reply = await self._run(ZSET_SCRIPT, [key, self.keys.order(key)], *owner.next(), ttl_s, *members)
        return self._is_written(reply, owner)

    async def card_stamp(self) -> bytes | None:
        """The last change of cards; None where none was written, or where it was lost or the cards were."""

        async def read(redis: Redis) -> tuple[bytes | None, int]:
            pipeline = redis.pipeline(transaction=False)
            pipeline.get(self.keys.card_stamp)
            pipeline.exists(self.keys.cards, self.keys.card_changes)
            stamp, there = await pipeline.execute()
            return stamp, there

        stamp, there = await self._ask(self.keys.cards, read)
        return stamp if there == len((self.keys.cards, self.keys.card_changes)) else None

    async def end_card_epoch(self, stamp: bytes) -> None:
        """Lets the next write of cards begin an epoch, if the last change is still `stamp`, or where some of what
        belongs to it was lost."""
        await self._run(END_CARD_EPOCH, (self.keys.card_stamp, self.keys.cards, self.keys.card_changes), stamp)

    async def cards(self, keys: Sequence[int]) -> list[ItemCard | None]:
        """The cards of items by their keys; None where there is none that can be read."""
        if not keys:
            return []
        fields = list(map(field_of, keys))
        found: list[bytes | None] = await self._ask(self.keys.cards, lambda redis: redis.hmget(self.keys.cards, fields))  # type: ignore[arg-type, return-value]  # undecoded
        return [_card_in(value) for value in found]

    async def change_cards(self, owner: PartitionOwner, cards: Mapping[int, ItemCard]) -> bool:
        """Writes cards of items of the owner's item partition by their keys, CHUNK_CARDS at a time; False, and the rest
        left as it is, after a later owner did."""
        names = self.keys.cards, self.keys.card_changes, self.keys.card_stamp, self.keys.card_order
        pairs = list(cards.items())
        for start in range(0, len(pairs), CHUNK_CARDS):
            arguments: list[int | bytes] = [owner.partition, *owner.next()]
            for key, card in pairs[start : start + CHUNK_CARDS]:
                arguments += (field_of(key), card.encode())
            reply = await self._run(CARDS_SCRIPT, names, *arguments)
            if not self._is_written(reply, owner):
                return False
        return True

    async def write_item_features(self, owner: PartitionOwner, values: Mapping[int, bytes]) -> bool:
        """Writes figures about items of the owner's item partition by their keys; False, and nothing written, after a
        later owner wrote some."""
        names = self.keys.item_features, self.keys.item_features_order
        arguments: list[int | bytes] = [owner.partition, *owner.next()]
        for key, value in values.items():
            arguments += (field_of(key), value)
        reply = await self._run(HASH_SCRIPT, names, *arguments)
        return self._is_written(reply, owner)

    async def advance_written_position(
        self, owner: PartitionOwner, known: WrittenPosition | None, written_position: WrittenPosition, erasures: int
    ) -> bool:
        """Notes what of the lists of the owner's partition is written, and that nothing is left of users whose erasure
        is before the position `erasures`.

        False, and nothing noted, when what is noted is not `known` (None = nothing noted) any more. Raises
        NotTheWriter.
        """
        before = b"" if known is None else known.encode()
        names = (
            self.keys.written(owner.partition),
            self.keys.erased(owner.partition),
            self.keys.holder(owner.partition),
        )
        after = written_position.encode(), b"%d" % erasures
        return bool(_answered(await self._run(ADVANCE_WRITTEN_POSITION, names, before, *after, _name(owner))))

    async def noted(self, partition: int) -> PartitionNote:
        """What is noted about a partition: nothing in a Redis that is new or was wiped, older things after a lossy
        failover."""
        names = (self.keys.holder(partition), self.keys.written(partition), self.keys.erased(partition))
        found: list[bytes | None] = await self._ask(names[0], lambda redis: redis.mget(*names))  # type: ignore[arg-type, return-value]  # undecoded
        holder, written, erased = found
        written_position = None if written is None else WrittenPosition.decode(written)
        return PartitionNote(holder, written_position, None if erased is None else int(erased))

    async def hold(self, owner: PartitionOwner, known: bytes | None) -> bool:
        """Notes that the owner writes from now on; False, and nothing noted, when whoever is noted is not `known` (None
        = nobody) any more."""
        return bool(await self._run(SWAP, [self.keys.holder(owner.partition)], known or b"", _name(owner)))

    async def remove_users(self, users: Iterable[str], owner: PartitionOwner) -> int:
        """Removes everything this version holds of users of the owner's partition; returns how many keys there were.
        Raises NotTheWriter."""
        return sum([await self._remove(user_id, b"", owner) for user_id in users])

    async def remove_users_up_to(self, last_offsets: Mapping[str, int], owner: PartitionOwner) -> int:
        """The same for users by the last offset that is known of them: whoever has a list of a later one is left
        alone."""
        return sum([await self._remove(user_id, b"%d" % offset, owner) for user_id, offset in last_offsets.items()])

    async def _remove(self, user_id: str, offset: bytes, owner: PartitionOwner) -> int:
        keys = [*self._of_user(user_id, owner.partition), self.keys.holder(owner.partition)]
        return _answered(await self._run(REMOVE_SCRIPT, keys, offset, _name(owner)))

    def _of_user(self, user_id: str, partition: int) -> list[str]:
        return [self.keys.at(partition, key) for key in self.keys.of_user(user_id)]

    async def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that are not there. Asking touches none of them: what Redis evicts next stays the same."""
        if not keys:
            return []
        if not self._nodes.is_split and await self._ask(keys[0], lambda redis: redis.exists(*keys)) == len(keys):
            return []
        there = [0] * len(keys)
        for places in await self._nodes.split(keys):
            found = await self._there([[keys[place]] for place in places])
            for place, count in zip(places, found, strict=True):
                there[place] = count
        return [key for key, is_there in zip(keys, there, strict=True) if not is_there]

    async def incomplete(self, keys_of: Mapping[str, int], partition: int) -> list[str]:
        """Users of a partition of whom fewer keys are there than were written; `keys_of` says how many those were."""
        keys = {user_id: self._of_user(user_id, partition) for user_id in keys_of}
        if not keys:
            return []
        named = list(chain.from_iterable(keys.values()))
        if await self._ask(named[0], lambda redis: redis.exists(*named)) == sum(keys_of.values()):
            return []
        there = await self._there(list(keys.values()))
        return [user_id for (user_id, written), found in zip(keys_of.items(), there, strict=True) if found < written]

    async def _there(self, groups: Sequence[Sequence[str]]) -> list[int]:
        """How many keys of each group are there; all of them are on one server."""

        async def count(redis: Redis) -> list[int]:
            pipeline = redis.pipeline(transaction=False)
            for keys in groups:
                pipeline.exists(*keys)
            return await pipeline.execute()

        return await self._ask(groups[0][0], count)

    async def write_plain(self, key: str, value: bytes, ttl_s: int) -> None:
        """Writes a value that is not in list_format."""
        await self._ask(key, lambda redis: redis.set(key, value, ex=ttl_s))

    def reader_marks(self, partition: int) -> ReaderMarks:
        """Who of a partition's users has read lately, over the same connections."""
        return ReaderMarks(self._nodes, self.keys.readers(partition), self.keys.missed(partition))

    async def switch_live(self, pointer: LivePointer) -> bool:
        """Makes endpoints follow the pointer; False when one with its sequence number or a later one is there."""
        written = await self._run(LIVE_SCRIPT, [self.keys.live], pointer.encode(), pointer.sequence)
        return bool(written == 1)

    async def tell_experiments(self, book: ExperimentBook) -> bool:
        """Makes endpoints follow the running experiments; False when as new or newer ones are there."""
        written = await self._run(LIVE_SCRIPT, [self.keys.experiments], book.encode_running(), book.changed_ms)
        return bool(written == 1)

    def server_of(self, key: str) -> str:
        """Who holds a key, as far as is known: a name for what falls back by itself."""
        return self._nodes.server_of(key)

    async def read(self, key: str) -> bytes | None:
        """The stored value, for inspection and tests."""
        value = await self._ask(key, lambda redis: redis.get(key))
        assert not isinstance(value, str), "the client is made without decode_responses"
        return value

    async def purge_version(self) -> int:
        """Removes every key of this version, and nobody else's; returns how many."""
        of_items = self.keys.of_items
        with passing_failures():
            removed = int(await self._nodes.ask(of_items[0], lambda redis: redis.unlink(*of_items)))
        # The keys of a cluster's users begin with their place.
        pattern = f"{self.keys.root if self.keys.clustered else self.keys.prefix}*"
        return removed + await self._purge(pattern, self.keys.owns)

    async def purge_namespace(self) -> int:
        """Removes every key of the namespace, all versions and the live pointer; returns how many.

        Raises ValueError for the empty namespace, which shares the database with everybody else.
        """
        if not self.keys.namespace:
            raise ValueError("the empty namespace cannot be purged as a whole; purge its versions")
        return await self._purge(f"{self.keys.root}*", self.keys.namespace_owns)

    async def _purge(self, pattern: str, owned: Callable[[str], bool]) -> int:
        with passing_failures():
            return sum([await self._purge_server(redis, pattern, owned) for redis in await self._nodes.all()])

    async def _purge_server(self, redis: Redis, pattern: str, owned: Callable[[str], bool]) -> int:
        removed = 0
        found: list[bytes] = []
        async for key in redis.scan_iter(match=pattern, count=1000):
            if owned(key.decode(errors="replace")):
                found.append(key)
            if len(found) == 1000:
                removed += await _unlink(redis, found)
                found.clear()
        return removed + await _unlink(redis, found)


async def _unlink(redis: Redis, keys: Sequence[bytes]) -> int:
    """One by one: in a cluster they are in slots of their own."""
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.unlink(key)
    return sum(await pipeline.execute())


def _card_in(value: bytes | None) -> ItemCard | None:
    try:
        return None if value is None else ItemCard.decode(value)
    except ValueError:
        return None


def _name(owner: PartitionOwner) -> bytes:
    """Under which the owner of a partition is noted: no two have the same term."""
    return b"%d" % owner.term


def _answered(reply: int) -> int:
    """What a script answered. Raises NotTheWriter."""
    if reply == NOT_THE_WRITER:
        raise NotTheWriter
    return reply
