"""Reads and changes `freshet.versions`: one writer at a time, so that reading and deciding are one step."""

from collections.abc import Callable, Sequence

from agents.followers.refusals import read_usable
from serving.registry import Registry
from streams.kafka.exclusive_change import Change, TopicBusy, change_topic
from streams.kafka.topics import Topics


class RegistryBusy(TopicBusy):
    """Others were writing to the registry again and again: nothing was changed."""


async def read_registry(bootstrap: str, topics: Topics) -> Registry:
    """The registry as of now; records that cannot be read are passed over, and said. Raises `TopicMissing`."""
    registry = Registry()
    await read_usable(bootstrap, [topics.versions], lambda record: registry.apply(record.key, record.value))
    return registry


async def change_registry(bootstrap: str, topics: Topics, decide: Callable[[Registry], Sequence[Change]]) -> Registry:
    """Writes what `decide` makes of the registry, in one transaction; returns the registry after it.

    `decide` may be called more than once, see `change_topic`. What it raises is raised. Raises `TopicMissing` and
    `RegistryBusy`.
    """
    try:
        registry, changes = await change_topic(
            bootstrap, topics.versions, lambda: read_registry(bootstrap, topics), decide
        )
    except TopicBusy as busy:
        raise RegistryBusy(str(busy)) from busy
    for key, value in changes:
        registry.apply(key, value)
    return registry
