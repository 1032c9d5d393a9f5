"""What is measured about versions: how good, how fast, how large. Kept with them in `freshet.versions`."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.versions.registry import change_registry
from offline.versions.quality import Quality, hit_rate, paired
from ops.operator.inspect.lag import read_workers
from ops.operator.inspect.table_size import table_bytes
from ops.operator.versions.outcomes import read_outcomes
from serving.fragments import rfc3339
from serving.keys import Keys
from serving.registry import Registry, figures_record
from streams.kafka.topics import Topics

Figures = dict[str, Any]
Workers = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """`quality` of a version against the live one, None when no event was evaluated by both; what is kept of either by
    name."""

    quality: Quality | None
    figures: dict[str, Figures]


async def measure(bootstrap: str, redis_url: str, namespace: str, live: str, version: str) -> Measured:
    """Both versions as of now. Raises `TopicMissing`."""
    topics = {name: Topics(namespace, name) for name in (live, version)}
    evaluated = {name: await read_outcomes(bootstrap, of) for name, of in topics.items()}
    quality = paired(evaluated[live], evaluated[version])
    figures: dict[str, Figures] = {}
    for name, of in topics.items():
        workers = await asyncio.to_thread(read_workers, redis_url, Keys(namespace, name))
        rate = hit_rate(evaluated[name])
        figures[name] = {
            "measured": rfc3339(time.time_ns() // 1_000_000),
            "hr_at_10": None if rate is None else rate[0],
            "judged_events": 0 if rate is None else rate[1],
            "events_per_cpu_s": events_per_cpu_s(workers or ()),
            "lists": _sum(workers or (), "lists_kept"),
            "user_rows_bytes": await table_bytes(bootstrap, of.user_changelog),
            "item_model_bytes": await table_bytes(bootstrap, of.item_model),
        }
    figures[version]["quality"] = None if quality is None else quality.as_dict(live)
    return Measured(quality, figures)


async def record(bootstrap: str, namespace: str, figures: Mapping[str, Figures]) -> None:
    """Keeps figures with their versions, beside those of other names that are kept already. Raises `RegistryBusy` and
    `TopicMissing`."""

    def decide(found: Registry) -> list[tuple[bytes, bytes | None]]:
        return [figures_record(name, {**found.figures.get(name, {}), **new}) for name, new in figures.items()]

    await change_registry(bootstrap, Topics(namespace), decide)


def events_per_cpu_s(workers: Workers) -> float | None:
    """Events that the workers folded a second of their CPU time, since they began; None before the first."""
    events, cpu_ms = _sum(workers, "events_folded"), _sum(workers, "cpu_ms")
    return round(events * 1000 / cpu_ms, 1) if events and cpu_ms else None


def _sum(workers: Workers, name: str) -> int:
    return sum(int(worker.get(name, 0)) for worker in workers)
