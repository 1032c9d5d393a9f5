"""All versions of a namespace with what is known of each."""

from typing import Any

import msgspec

from agents.versions.registry import read_registry
from ops.group_progress import GroupProgress
from ops.operator.inspect.lag import read_workers
from serving.fragments import rfc3339
from serving.keys import Keys
from serving.registry import Registry, Switch, VersionState
from streams.kafka.bulk_read import TopicMissing
from streams.kafka.topics import Topics


async def read_versions(bootstrap: str, redis_url: str, namespace: str) -> dict[str, Any]:
    """Plain JSON values: `versions`, `switches` oldest first, and `rollback_to`. Raises `TopicMissing`."""
    registry = await read_registry(bootstrap, Topics(namespace))
    rows = [await _row(bootstrap, redis_url, Topics(namespace, name), registry) for name in registry.versions]
    return {
        "versions": rows,
        "switches": [_switch(switch) for switch in registry.switches],
        "rollback_to": registry.rollback_target(),
    }


async def _row(bootstrap: str, redis_url: str, topics: Topics, registry: Registry) -> dict[str, Any]:
    version = topics.version
    record, state = registry.records.get(version), registry.state_of(version)
    retired = state is VersionState.RETIRED
    workers = None if retired else read_workers(redis_url, Keys(topics.namespace, version))
    return {
        "version": version,
        "state": state.value,
        "percent": registry.weight_of(version),
        "lag": None if retired else await _lag(bootstrap, topics),
        "workers": None if workers is None else len(workers),
        "code": sorted({worker["code"] for worker in workers or () if "code" in worker}),
        "created": None if record is None else rfc3339(record.created_ms),
        "created_by": None if record is None else record.who,
        "reads_from": None if record is None else record.reads_from,
        "snapshot": None if record is None else record.snapshot or None,
        "archive": record is not None and record.archive,
        "retired": None if record is None or record.retired_ms is None else rfc3339(record.retired_ms),
        "figures": registry.figures.get(version, {}),
    }


async def _lag(bootstrap: str, topics: Topics) -> int | None:
    try:
        async with GroupProgress(bootstrap, topics.consumer_group) as progress:
            return await progress.behind(topics.interactions)
    except TopicMissing:
        return None


def _switch(switch: Switch) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(switch)
    return {**fields, "when": rfc3339(switch.when_ms)}
