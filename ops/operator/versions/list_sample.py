"""A sample of users and what the versions store for them in Redis."""

import heapq
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice

from redis import Redis

from offline.versions.list_diff import StoredList
from serving.joined_list import read_list
from serving.keys import Keys
from serving.list_format import UnreadableList

MAX_SCANNED = 200_000
_CHUNK = 200


def sampled_users(redis: "Redis", keys: Keys, count: int) -> list[str]:
    """`count` users (fewer when there are fewer) that have a list in this version: those of the lowest hashes among
    the first `MAX_SCANNED` found, so that the same users are met again the next time."""
    return heapq.nsmallest(count, islice(_users(redis, keys), MAX_SCANNED), key=_hash)


def stored_lists(redis: "Redis", keys: Keys, users: Iterable[str]) -> dict[str, StoredList]:
    """The homepage lists of `users`, by user id; those without one are left out, and so are unreadable ones."""
    wanted, found = list(users), {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        values = redis.mget([keys.user_list(user) for user in chunk])
        for user, value in zip(chunk, values, strict=True):
            stored = _stored(redis, keys, value) if isinstance(value, bytes) else None
            if stored is not None:
                found[user] = stored
    return found


def _users(redis: "Redis", keys: Keys) -> Iterator[str]:
    before, _, after = keys.user_list("\0").partition("\0")
    pattern = keys.user_list("*").replace("{", "\\{").replace("}", "\\}")
    for key in redis.scan_iter(match=pattern, count=1000):
        yield key.decode().removeprefix(before).removesuffix(after)


def _stored(redis: Redis, keys: Keys, value: bytes) -> StoredList | None:
    try:
        body = read_list(redis, keys, value)
    except UnreadableList:
        return None
    return StoredList(
        tuple(item.get("item_id") or item["item_key"] for item in body["recommendations"]), body["source"], len(value)
    )


def _hash(user_id: str) -> bytes:
    return blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
