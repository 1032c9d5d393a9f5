"""Keeps what a retired version gave back from being made again."""

from agents.versions.registry import read_registry
from ops.operator.inspect.running import NotThere
from streams.kafka.bulk_read import TopicMissing
from streams.kafka.topics import Topics


async def refuse_retired(bootstrap: str, topics: Topics) -> None:
    """Raises `NotThere` when the version of `topics` was retired; a log without a registry has no versions yet."""
    try:
        registry = await read_registry(bootstrap, topics)
    except TopicMissing:
        return
    if registry.is_retired(topics.version):
        serving = registry.leader_beside(topics.version)
        raise NotThere(f"{topics.version} was retired: set FRESHET_MODEL_VERSION, {serving} serves now")
