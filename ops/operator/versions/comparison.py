"""Compares what two versions store for the same users."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.versions.registry import read_registry
from offline.versions.list_diff import ListDiff, StoredList, compare
from offline.versions.quality import Quality
from ops.operator.inspect.lag import REDIS_TIMEOUT_S
from ops.operator.inspect.running import NotThere
from ops.operator.versions.figures import measure, record
from ops.operator.versions.list_sample import sampled_users, stored_lists
from serving.keys import Keys
from serving.redis_address import is_cluster
from serving.redis_clients import connect
from serving.registry import Registry
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import InvalidEvent
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class Comparison:
    """The lists' difference, how they turned out over the same events (None: no event was evaluated under both), what
    was measured about each version, and titles by item id."""

    lists: ListDiff
    quality: Quality | None
    figures: dict[str, dict[str, Any]]
    titles: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, without the overlaps of single users."""
        lists = asdict(self.lists)
        del lists["overlaps"]
        quality = None if self.quality is None else self.quality.as_dict(self.lists.a.version)
        return {**lists, "quality": quality, "figures": self.figures}


async def compare_versions(bootstrap: str, redis_url: str, namespace: str, a: str, b: str, users: int) -> Comparison:
    """Over `users` sampled users of `a`, and all that both evaluated; the figures are kept with the versions. Raises
    `NotThere` when a version or all lists of `a` are missing."""
    registry = await read_registry(bootstrap, Topics(namespace))
    for version in (a, b):
        _check(registry, version)
    genres, titles = await _catalogue(bootstrap, Topics(namespace))
    of_a, of_b = await asyncio.to_thread(_read_lists, redis_url, namespace, (a, b), users)
    if not of_a:
        raise NotThere(f"no user has a list in {a}")
    lists = compare((a, b), of_a, of_b, genres)
    measured = await measure(bootstrap, redis_url, namespace, a, b)
    for side in (lists.a, lists.b):
        measured.figures[side.version]["mean_list_bytes"] = round(side.mean_bytes)
    measured.figures[b]["lists_beside"] = {"version": a, **lists.summary()}
    await record(bootstrap, namespace, measured.figures)
    return Comparison(lists, measured.quality, measured.figures, titles)


def _check(registry: Registry, version: str) -> None:
    if version not in registry.versions:
        raise NotThere(f"there is no version {version}: `freshet versions` lists them")
    if registry.is_retired(version):
        raise NotThere(f"{version} was retired: its lists are gone")


def _read_lists(
    redis_url: str, namespace: str, versions: tuple[str, str], users: int
) -> tuple[dict[str, StoredList], dict[str, StoredList]]:
    a, b = (Keys(namespace, version, is_cluster(redis_url)) for version in versions)
    with connect(redis_url, REDIS_TIMEOUT_S) as redis:
        sample = sampled_users(redis, a, users)
        return stored_lists(redis, a, sample), stored_lists(redis, b, sample)


async def _catalogue(bootstrap: str, topics: Topics) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Genres and titles by item id, of the items that can be read."""
    genres: dict[str, tuple[str, ...]] = {}
    titles: dict[str, str] = {}

    def apply(record: ConsumerRecord) -> None:
        try:
            item = parse_catalog_item(record.key, record.value)
        except InvalidEvent:
            return  # said by the workers, who follow the catalogue
        item_id = record.key.decode()
        if item is None:
            genres.pop(item_id, None)
            titles.pop(item_id, None)
        else:
            genres[item_id], titles[item_id] = tuple(item.genres), item.title

    await read_topics(bootstrap, [topics.catalog], apply, pass_over)
    return genres, titles
