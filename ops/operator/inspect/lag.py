"""How far behind a version's workers are, partition by partition, and which workers there are."""

from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from aiokafka.structs import TopicPartition
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException
from redis.exceptions import TimeoutError as RedisTimeoutError

from ops.configuration.sinks import SINKS
from ops.group_progress import GroupProgress
from ops.operator.inspect.pauses import read_pauses
from ops.operator.inspect.row_positions import read_mismatches
from serving.keys import Keys
from serving.redis_clients import connect, read_many
from streams.kafka.log_begin import unread_removed
from streams.kafka.topics import Topics

REDIS_TIMEOUT_S = 2.0
_EVALUATED = ("next_items_judged", "next_items_in_top_10")
_CHECKED = ("vector_searches_checked", "vector_recall_permille")


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """`lag` = offsets between `committed` and `end`, 0 when no record is among them (a log may end in markers).
    `removed` of them are gone: the log's retention was over before they were folded. `other_log` says why the log is
    not the one that was folded, "" when it is: then the other figures say nothing."""

    topic: str
    partition: int
    end: int
    committed: int
    lag: int
    paused: bool
    removed: int = 0
    other_log: str = ""


@dataclass(frozen=True, slots=True)
class Lag:
    """`workers` are the heartbeats that workers write once a second; None while Redis does not answer."""

    group: str
    partitions: list[PartitionLag]
    workers: list[dict[str, Any]] | None
    #: What waits for the sinks that ever wrote something, by sink.
    sinks: dict[str, list[PartitionLag]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Over all partitions."""
        return sum(partition.lag for partition in self.partitions)

    def hit_rate_at_10(self) -> tuple[float, int] | None:
        """In how many sampled events of the workers that live the item was among the first 10 of its user's list, and
        how many these are; None before the first one."""
        evaluated, hits = self._sums(_EVALUATED)
        return (round(hits / evaluated, 4), evaluated) if evaluated else None

    def completions_clamped(self) -> int:
        """Events whose completion was a little above 100 and counts as 100, of the workers that live."""
        return sum(worker.get("completions_clamped", 0) for worker in self.workers or ())

    def vector_recall(self) -> float | None:
        """Recall@50 of the workers' vector index against exact searches, on samples; None before the first one."""
        checked, permille = self._sums(_CHECKED)
        return round(permille / 1000 / checked, 4) if checked else None

    def failing(self) -> dict[str, str]:
        """What background tasks of workers meet that fail, by instance and name."""
        return {
            f"{worker.get('instance', worker.get('pid'))} {name}": why
            for worker in self.workers or ()
            for name, why in worker.get("failing", {}).items()
        }

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
            "completions_clamped": self.completions_clamped(),
        }


async def read_lag(bootstrap: str, redis_url: str, topics: Topics) -> Lag:
    """As of now. Raises `TopicMissing`."""
    paused, log_mismatches = await read_pauses(bootstrap, topics), await read_mismatches(bootstrap, topics)
    partitions = []
    async with GroupProgress(bootstrap, topics.consumer_group) as progress:
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
                    log_mismatches.get(TopicPartition(topic, number), ""),
                )
                for number in sorted(ends)
            ]
    workers = read_workers(redis_url, Keys(topics.namespace, topics.version))
    return Lag(topics.consumer_group, partitions, workers, await _read_sinks(bootstrap, topics))


async def _read_sinks(bootstrap: str, topics: Topics) -> dict[str, list[PartitionLag]]:
    found: dict[str, list[PartitionLag]] = {}
    for name in SINKS:
        async with GroupProgress(bootstrap, topics.sink_group(name)) as progress:
            for topic in (topics.interactions, topics.served, topics.erasure):
                begun = await progress.begun(topic)
                if not begun:
                    continue
                committed, ends = await progress.committed(topic), await progress.ends(topic)
                begins = await progress.begins(topic)
                waiting = await progress.waiting(topic, committed, ends)
                found.setdefault(name, []).extend(
                    PartitionLag(
                        topic,
                        number,
                        ends[number],
                        committed[number],
                        ends[number] - committed[number] if number in waiting else 0,
                        paused=False,
                        removed=unread_removed(committed[number], begins[number]),
                    )
                    for number in sorted(ends)
                )
    return found


def read_workers(redis_url: str, keys: Keys) -> list[dict[str, Any]] | None:
    """The heartbeats of a version's workers; None while Redis does not answer."""
    try:
        with connect(redis_url, REDIS_TIMEOUT_S) as redis:
            names = sorted(redis.scan_iter(match=f"{keys.prefix}worker:*", count=1000))
            values = read_many(redis, names)
    except (RedisConnectionError, RedisTimeoutError, RedisClusterException):
        return None
    return [orjson.loads(value) for value in values if value is not None]
