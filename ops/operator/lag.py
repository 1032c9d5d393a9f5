"""How far behind a version's workers are, partition by partition, and which workers there are."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ops.operator.pauses import read_pauses
from ops.progress import Progress
from serving.keys import Keys
from streams.topics import Topics

REDIS_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`lag` = offsets between `committed` and `end`, 0 when no record is among them (a log may end in markers)."""

    topic: str
    partition: int
    end: int
    committed: int
    lag: int
    paused: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """`workers` are the signs of life that workers write once a second; None while Redis does not answer."""

    group: str
    partitions: list[PartitionLag]
    workers: list[dict[str, Any]] | None

    @property
    def total(self) -> int:
        """Over all partitions."""
        return sum(partition.lag for partition in self.partitions)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "total": self.total}


async def read_lag(bootstrap: str, redis_url: str, topics: Topics) -> Lag:
    """As of now. Raises `TopicMissing`."""
    paused = await read_pauses(bootstrap, topics)
    partitions = []
    async with Progress(bootstrap, topics.consumer_group) as progress:
        for topic in (topics.interactions, topics.deltas):
            committed, ends = await progress.committed(topic), await progress.ends(topic)
            waiting = await progress.waiting(topic, committed, ends)
            partitions += [
                PartitionLag(
                    topic,
                    number,
                    ends[number],
                    committed[number],
                    ends[number] - committed[number] if number in waiting else 0,
                    (topic, number) in paused,
                )
                for number in sorted(ends)
            ]
    return Lag(topics.consumer_group, partitions, read_workers(redis_url, Keys(topics.namespace, topics.version)))


def read_workers(redis_url: str, keys: Keys) -> list[dict[str, Any]] | None:
    """The signs of life of a version's workers; None while Redis does not answer."""
    try:
        with Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S) as redis:
            names = sorted(redis.scan_iter(match=f"{keys.prefix}worker:*", count=1000))
            values = redis.mget(names) if names else []
    except (RedisConnectionError, RedisTimeoutError):
        return None
    return [orjson.loads(value) for value in values if value is not None]
