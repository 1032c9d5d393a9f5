"""A sample of users and what the versions store for them in Redis."""

import heapq
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from redis import Redis

from offline.versions.list_diff import StoredList
from serving.joined_list import read_list
from serving.keys import Keys
from serving.list_format import UnreadableList
from serving.redis_clients import read_many

MAX_SCANNED = 200_000
_CHUNK = 200


class SampledUser(NamedTuple):
    """A stored id, and in a cluster the partition that its keys are in; else -1."""

    user_id: str
    partition: int


def sampled_users(redis: "Redis", keys: Keys, count: int) -> list[SampledUser]:
    """`count` users (fewer when there are fewer) that have a list in this version: those of the lowest hashes among
    the first `MAX_SCANNED` found, so that the same users are met again the next time."""
    return heapq.nsmallest(count, islice(_users(redis, keys), MAX_SCANNED), key=_hash)


def stored_lists(redis: "Redis", keys: Keys, users: Iterable[SampledUser]) -> dict[str, StoredList]:
    """The homepage lists of `users`, by user id; those without one are left out, and so are unreadable ones."""
    wanted, found = list(users), {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        values = read_many(redis, [keys.at(user.partition, keys.user_list(user.user_id)) for user in chunk])
        for user, value in zip(chunk, values, strict=True):
            stored = _stored(redis, keys, value) if value is not None else None
            if stored is not None:
                found[user.user_id] = stored
    return found


def _users(redis: "Redis", keys: Keys) -> Iterator[SampledUser]:
    before, _, after = keys.user_list("\0").partition("\0")
    pattern = keys.user_list("*")
    if keys.clustered:
        pattern = f"{keys.root}{{*}}{pattern[len(keys.root) :]}"
    for found in redis.scan_iter(match=pattern.replace("{", "\\{").replace("}", "\\}"), count=1000):
        key = found.decode()
        partition = key[len(keys.root) + 1 :].partition("}")[0] if keys.clustered else "-1"
        if partition.removeprefix("-").isdecimal():
            yield SampledUser(keys.unplaced(key).removeprefix(before).removesuffix(after), int(partition))


def _stored(redis: Redis, keys: Keys, value: bytes) -> StoredList | None:
    try:
        body = read_list(redis, keys, value)
    except UnreadableList:
        return None
    return StoredList(
        tuple(item.get("item_id") or item["item_key"] for item in body["recommendations"]), body["source"], len(value)
    )


def _hash(user: SampledUser) -> bytes:
    return blake2b(user.user_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
