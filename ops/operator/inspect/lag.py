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
from streams.log_begin import unread_removed
from streams.topics import Topics

REDIS_TIMEOUT_S = 2.0
_JUDGED = ("next_items_judged", "next_items_in_top_10")
_CHECKED = ("vector_searches_checked", "vector_recall_permille")


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`lag` = offsets between `committed` and `end`, 0 when no record is among them (a log may end in markers).
    `removed` of them are gone: the log's retention was over before they were folded."""

    topic: str
    partition: int
    end: int
    committed: int
    lag: int
    paused: bool
    removed: int = 0


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

    def hit_rate_at_10(self) -> tuple[float, int] | None:
        """In how many sampled events of the workers that live the item was among the first 10 of its user's list, and
        how many these are; None before the first one."""
        judged, hits = self._sums(_JUDGED)
        return (round(hits / judged, 4), judged) if judged else None

    def vector_recall(self) -> float | None:
        """Recall@50 of the workers' vector index against exact searches, on samples; None before the first one."""
        checked, permille = self._sums(_CHECKED)
        return round(permille / 1000 / checked, 4) if checked else None

    def _sums(self, names: tuple[str, str]) -> tuple[int, int]:
        first, second = (sum(worker.get(name, 0) for worker in self.workers or ()) for name in names)
        return first, second

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        rate = self.hit_rate_at_10()
        quality = {"hr_at_10": None, "judged": 0} if rate is None else {"hr_at_10": rate[0], "judged": rate[1]}
        return {
            **asdict(self),
            "total": self.total,
            "live_quality": quality,
            "vector_recall_at_50": self.vector_recall(),
        }


async def read_lag(bootstrap: str, redis_url: str, topics: Topics) -> Lag:
    """As of now. Raises `TopicMissing`."""
    paused = await read_pauses(bootstrap, topics)
    partitions = []
    async with Progress(bootstrap, topics.consumer_group) as progress:
        for topic in topics.inputs:
            committed, ends = await progress.committed(topic), await progress.ends(topic)
            begins = await progress.begins(topic)
            waiting = await progress.waiting(topic, committed, ends)
            partitions += [
                PartitionLag(
                    topic,
                    number,
                    ends[number],
                    committed[number],
                    ends[number] - committed[number] if number in waiting else 0,
                    (topic, number) in paused,
                    unread_removed(committed[number], begins[number]),
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
