"""Which versions an experiment can be about: those that keep up with the log, and that know the same users."""

import asyncio

from offline.versions.gate import GateLimits
from ops.operator.inspect.lag import read_workers
from ops.operator.versions.evidence import read_behind
from serving.keys import Keys
from serving.registry import Registry
from streams.contract.experiments import Experiment
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.kafka.topics import Topics


async def reasons_against_versions(
    bootstrap: str, redis_url: str, namespace: str, registry: Registry, experiment: Experiment
) -> list[str]:
    """Why the versions that an experiment names cannot serve its variants, or those that serve now disagree about who
    is new; one clause each. Raises `TopicMissing`."""
    named = [variant.model_version for variant in experiment.variants if variant.model_version is not None]
    reasons = []
    for version in dict.fromkeys(named):
        if version not in registry.versions:
            reasons.append(f"there is no version {version}")
        elif registry.is_retired(version):
            reasons.append(f"version {version} was retired")
        else:
            reasons += await _behind(bootstrap, redis_url, Topics(namespace, version))
    if experiment.targeting.users != "all":
        serving = [version for version in registry.versions if registry.weight_of(version)]
        if await differ_in_known_users(bootstrap, namespace, registry, serving):
            reasons.append(
                f"{' and '.join(serving)} do not know users since the same time, so they would not agree on who is new"
            )
    return reasons


async def _behind(bootstrap: str, redis_url: str, topics: Topics) -> list[str]:
    keys = Keys(topics.namespace, topics.version)
    if not await asyncio.to_thread(read_workers, redis_url, keys):
        return [f"no worker of {topics.version} is alive"]
    behind = await read_behind(bootstrap, redis_url, topics, GateLimits())
    found = [reason for one in behind if (reason := one.reason(topics.version)) is not None]
    return [f"{topics.version} has not caught up ({found[0]})"] if found else []


async def differ_in_known_users(bootstrap: str, namespace: str, registry: Registry, versions: list[str]) -> bool:
    """Whether versions may call different users new: what one has read, another one may not have found in the log any
    more, or was told to pass over."""
    if len(versions) < 2:
        return False
    topics = Topics(namespace)
    async with bulk_consumer(bootstrap) as consumer:
        begins = await consumer.beginning_offsets(await partitions_of(consumer, [topics.interactions]))
    is_whole = not any(begins.values())
    return len({known_since(registry, version, is_whole=is_whole) for version in versions}) > 1


def known_since(registry: Registry, version: str, *, is_whole: bool) -> str:
    """Equal for versions that know users since the same time. `is_whole`: nothing was removed from the log yet, so it
    began for everybody who read it from its beginning where it begins now."""
    record = registry.records.get(version)
    if record is not None and record.reads_from != "earliest":
        return f"from {record.reads_from}"
    if is_whole and (record is None or not record.snapshot):
        return "the beginning of the log"
    return f"what {version} began with"
