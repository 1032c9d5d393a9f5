"""A user's rows in analytic stores: removed by whoever keeps the store, and here when nobody does; then looked for."""

import asyncio
import time
from dataclasses import dataclass

from ops.configuration.settings import Settings
from ops.configuration.sinks import SINKS
from ops.group_progress import GroupProgress
from ops.operator.erasure.check import Names
from ops.operator.erasure.erasures import read_markers
from ops.operator.inspect.finding import partition_count
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.topics import Topics
from streams.sinks.sink import Erasure, Sink

_POLL_S = 0.1
_EVERYTHING = 2**63 - 1


@dataclass(frozen=True)
class InStores:
    """By store: who removed the user's rows (its running `sink`, or `this command`), and how many are left."""

    reached: dict[str, str]
    left: dict[str, int]


async def in_stores(settings: Settings, topics: Topics, names: Names, wait_s: float | None = None) -> InStores:
    """Removes the user from every store that a sink has ever written to, when `wait_s` says how long a running sink may
    take, and counts what is left. Raises `StoreUnavailable`."""
    bootstrap = settings.kafka
    found = InStores({}, {})
    for name, make in SINKS.items():
        async with GroupProgress(bootstrap, topics.sink_group(name)) as progress:
            if not await progress.begun(topics.interactions):
                continue
            erasure, store = await _erasure(bootstrap, topics, names), make(settings)
            try:
                if wait_s is not None:
                    found.reached[name] = await _erase(progress, topics, store, erasure, time.monotonic() + wait_s)
                found.left[name] = await asyncio.to_thread(store.count, erasure)
            finally:
                store.close()
    return found


async def _erasure(bootstrap: str, topics: Topics, names: Names) -> Erasure:
    """What is to go: what the user's marker says, everything while there is none."""
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(names.sent, await partition_count(consumer, topics.interactions))
    marker = (await read_markers(bootstrap, topics)).get(names.sent)
    end_offset, erased_at_ms = _EVERYTHING, _EVERYTHING
    if marker is not None and marker.end_offset > 0:
        end_offset, erased_at_ms = marker.end_offset, marker.erased_at_ms
    user_ids = tuple(sorted(names.all))
    return Erasure(f"{topics.erasure}:{partition}", user_ids, topics.interactions, partition, end_offset, erased_at_ms)


async def _erase(progress: GroupProgress, topics: Topics, store: Sink, erasure: Erasure, deadline_s: float) -> str:
    """By its sink, or here where none runs or none answers in time: what comes later does not hold the user."""
    while await progress.members():
        if await progress.caught_up([topics.erasure]):
            return "sink"
        if time.monotonic() >= deadline_s:
            break
        await asyncio.sleep(_POLL_S)
    await asyncio.to_thread(store.erase, erasure)
    await asyncio.to_thread(store.maintain)
    return "this command"
