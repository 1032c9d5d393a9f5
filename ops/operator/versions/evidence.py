"""Collects what is known of a version now: how far it is, who works for it, how its lists differ from the live ones."""

import asyncio
import time
from dataclasses import replace

from aiokafka.structs import ConsumerRecord

from agents.dead_letters import FAILED
from offline.versions.gate import Behind, GateLimits, PromotionEvidence
from offline.versions.list_diff import ListDiff, compare
from offline.versions.quality import more_rejected, paired
from ops.group_progress import GroupProgress
from ops.operator.inspect.lag import REDIS_TIMEOUT_S, read_workers
from ops.operator.inspect.oldest_waiting import oldest_waiting_ms
from ops.operator.versions.list_sample import sampled_users, stored_lists
from ops.operator.versions.outcomes import read_outcomes
from serving.keys import Keys
from serving.redis_address import is_cluster
from serving.redis_clients import connect, read_many
from serving.registry import Registry
from serving.write_order import WrittenPosition
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics

SAMPLED_USERS = 500


async def read_evidence(
    bootstrap: str, redis_url: str, topics: Topics, registry: Registry, limits: GateLimits
) -> PromotionEvidence:
    """As of now, for the version of `topics`. Raises `TopicMissing`."""
    workers = await asyncio.to_thread(read_workers, redis_url, Keys(topics.namespace, topics.version)) or ()
    evidence = PromotionEvidence(
        version=topics.version,
        workers=len(workers),
        behind=await read_behind(bootstrap, redis_url, topics, limits),
        failed_folds=await _failed_folds(bootstrap, topics),
    )
    live = registry.leader_beside(topics.version)
    if live is None:
        return evidence
    live_topics = Topics(topics.namespace, live)
    of_live, own = await read_outcomes(bootstrap, live_topics), await read_outcomes(bootstrap, topics)
    return replace(
        evidence,
        live=live,
        lists=await asyncio.to_thread(_list_diff, redis_url, topics, live),
        quality=paired(of_live, own),
        more_rejected=more_rejected(of_live, own),
    )


async def read_behind(bootstrap: str, redis_url: str, topics: Topics, limits: GateLimits) -> list[Behind]:
    """What waits longest in each partition. A list counts as written when the partition's written position in Redis is
    past its user's last event; without one, lists of users who have done nothing lately may be missing too."""
    async with GroupProgress(bootstrap, topics.consumer_group) as progress:
        asked_ms = time.time_ns() // 1_000_000  # what comes while the answers come is none of them
        committed = {topic: await progress.committed(topic) for topic in (topics.interactions, topics.deltas)}
    markers = await asyncio.to_thread(_markers, redis_url, topics, list(committed[topics.interactions]))
    folded: dict[int, int | None] = {**committed[topics.interactions]}
    learned: dict[int, int | None] = {**committed[topics.deltas]}
    sources = (
        ("folded", topics.interactions, folded, limits.behind_ms),
        ("listed", topics.interactions, markers, limits.behind_ms),
        ("learned from", topics.deltas, learned, limits.items_behind_ms),
    )
    behind = []
    for what, topic, positions, limit_ms in sources:
        ages = await oldest_waiting_ms(bootstrap, topic, positions, asked_ms)
        behind += [Behind(what, topic, partition, age_ms, limit_ms) for partition, age_ms in sorted(ages.items())]
    return behind


def _markers(redis_url: str, topics: Topics, partitions: list[int]) -> dict[int, int | None]:
    keys = Keys(topics.namespace, topics.version, is_cluster(redis_url))
    with connect(redis_url, REDIS_TIMEOUT_S) as redis:
        values = read_many(redis, [keys.written(partition) for partition in partitions])
    return {
        partition: None if value is None else WrittenPosition.decode(value).position
        for partition, value in zip(partitions, values, strict=True)
    }


async def _failed_folds(bootstrap: str, topics: Topics) -> int:
    failed: set[bytes] = set()

    def apply(record: ConsumerRecord) -> None:
        if record.key.startswith(FAILED) and record.value is not None:
            failed.add(record.key)

    await read_topics(bootstrap, [topics.crash_marks], apply, pass_over)
    return len(failed)


def _list_diff(redis_url: str, topics: Topics, live: str) -> ListDiff:
    keys, live_keys = (Keys(topics.namespace, name, is_cluster(redis_url)) for name in (topics.version, live))
    with connect(redis_url, REDIS_TIMEOUT_S) as redis:
        users = sampled_users(redis, live_keys, SAMPLED_USERS)
        lists_a, lists_b = stored_lists(redis, live_keys, users), stored_lists(redis, keys, users)
    return compare((live, topics.version), lists_a, lists_b, {})
