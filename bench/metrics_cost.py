"""What counting and traces cost a worker: the same batches through three copies of a partition, by CPU of one thread.

    freshet bench metrics [--data DIR] [--events N] [--json]

Copies of the task, the step and the lists of one partition, with everything that a worker has there but Kafka and
Redis, whose places are taken by what does nothing: `off`, whose histograms count nothing, `counted` as a worker is, and
`traced`, counted too, of whose records one in a hundred has a sampled `traceparent` (spans go to an exporter that drops
them). Each batch goes through all three, in random order, so that they see the same rows, lists and events at almost
the same moment; what is compared is the time of this thread on a processor.
Ratios are of all batches, beside `off`; intervals are 95 %, by bootstrap over batches. What is left out (Redis, Kafka,
the other planes) would make ratios smaller. Plain additions are in all copies: some 0.03 µs each. Exit code 2 without
the data set (MovieLens 100K).
"""

import argparse
import asyncio
import json
import random
import secrets
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from aiokafka.structs import ConsumerRecord, TopicPartition
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from worker import find_dataset

from agents.dead_letters import DeadLetters
from agents.delivery.crash_marks import CrashMarks
from agents.delivery.partition_task import PartitionTask
from agents.delivery.table import ChangelogTable
from agents.followers.erasures import Erasures
from agents.followers.profiles import PartitionProfiles
from agents.instruments import PlaneTimes
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.list_keeper import ListKeeper
from agents.lists.list_maker import ListMaker
from agents.lists.reader_watch import ReaderWatch
from agents.lists.sweep_limits import KeeperSettings
from agents.record_traces import RecordTraces
from agents.traced_interactions import TracedLists, TracedStep
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from serving.keys import Keys
from serving.redis_writer import WriteResult
from serving.write_order import PartitionOwner
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import parse_interaction
from streams.contract.identities import PLAIN
from streams.metrics import FRESHNESS_BOUNDS_S, Distribution
from tables.user_plane import FoldLimits, UserPlane

OFF, COUNTED, TRACED = "off", "counted", "traced"
ARMS = (OFF, COUNTED, TRACED)
BATCHES = (1, 10, 100)
LEARNED, WARM = 20_000, 1_000
TRACED_EVERY = 100
LIST_SIZE = 100
RESAMPLES = 2_000
SOURCE = TopicPartition("user.interactions", 0)


class NoDistribution(Distribution):
    """Counts nothing."""

    def observe(self, value: float) -> None:
        """Nothing."""

    def observe_all(self, values: Any) -> None:
        """Nothing."""


class NoExport(SpanExporter):
    """Drops spans."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Nothing."""
        return SpanExportResult.SUCCESS


class NoRedis:
    """Takes every list."""

    def __init__(self) -> None:
        self.owner = PartitionOwner(0, term=1)

    async def write_together(self, groups: list[Any], ttl_s: int) -> WriteResult:
        """All are written."""
        self.owner.next()
        return WriteResult(len(groups), ())

    async def remove_users_up_to(self, users: Any) -> None:
        """Nothing."""

    async def advance_written_position(self, *_: Any) -> bool:
        """As if it was."""
        return True

    def take_doubtful(self) -> list[str]:
        """Nobody."""
        return []

    def take_fall(self) -> bool:
        """Never."""
        return False

    def knows_of(self, erasures: int) -> bool:
        """All of them."""
        return True


class NoKafka:
    """Commits at once."""

    async def commit(self, *_: Any) -> None:
        """Done."""

    async def close(self) -> None:
        """Done."""


class NoReaders:
    """Nobody reads."""

    async def remove(self, users: Iterable[str], up_to_s: int) -> None:
        """Nothing."""


class Copy:
    """One copy of a partition, over an item model that all share."""

    def __init__(self, arm: str, path: ProductionPath, now_ms: int) -> None:
        follower: Any = SimpleNamespace(
            model=path.model, ranker=path.ranker, catalogue_version=1, changed_since=lambda _since: None
        )
        maker, redis, readers = ListMaker(follower, Keys("t", "v"), "v", LIST_SIZE, 86_400_000), NoRedis(), NoReaders()
        times = PlaneTimes()
        if arm == OFF:
            times = PlaneTimes(*(NoDistribution(FRESHNESS_BOUNDS_S) for _ in range(3)))
            maker.times.readable = NoDistribution(FRESHNESS_BOUNDS_S)
        traces: list[Any] = []
        if arm == TRACED:
            provider = TracerProvider()
            provider.add_span_processor(BatchSpanProcessor(NoExport()))
            traces = [RecordTraces(provider.get_tracer("bench"), SOURCE.topic, 0, "freshet.v1")]
        lists: Any = (TracedLists if traces else ListKeeper)(
            *traces,
            maker,
            redis,
            PartitionProfiles(),
            ReaderWatch(readers, 30),  # type: ignore[arg-type]
            lambda: now_ms,
            KeeperSettings(30, 7),
        )
        table = ChangelogTable("rows", 0)
        step: Any = (TracedStep if traces else InteractionsStep)(
            *traces,
            *([PLAIN] if traces else []),
            lambda: UserPlane(0, 1, table.rows, FoldLimits(cached_users=1_000_000)),
            lists,
            OutgoingDeltas("deltas", 0, 4),
            DeadLetters("dlq"),
            Erasures(),
        )
        kafka: Any = NoKafka()
        self._task = PartitionTask(SOURCE, kafka, table, CrashMarks("marks", *SOURCE), step, None, times)
        self._times = times
        self._lists = lists

    @property
    def lists_written(self) -> int:
        """That the copy made its lists at all."""
        written: int = self._lists.lists_written
        return written

    async def take(self, records: Sequence[ConsumerRecord]) -> float:
        """CPU seconds of this thread for a batch, as `PartitionTask` works on one."""
        began_s = time.thread_time()
        await self._task.fold(records)
        await self._task.commit(force=False)
        self._times.batch.observe(time.thread_time() - began_s)
        return time.thread_time() - began_s


def records_of(rows: Iterable[Any]) -> list[ConsumerRecord]:
    """As consumers get them; one in `TRACED_EVERY` with a sampled parent."""
    found = []
    for offset, row in enumerate(rows):
        headers: tuple[tuple[str, bytes], ...] = ()
        if offset % TRACED_EVERY == 0:
            headers = (("traceparent", f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode()),)
        key = str(row.user_id).encode()
        found.append(ConsumerRecord(*SOURCE, offset, row.timestamp, 1, key, encode(row), None, 0, 0, headers))
    return found


async def measure(films: MovieLens100K, events: int, size: int) -> dict[str, Any]:
    """Ratios with batches of this size."""
    path = ProductionPath()
    path.describe((row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in films.items())
    rows = list(islice(films.events(), LEARNED + WARM + events))
    for row in rows[:LEARNED]:
        path.learn(parse_interaction(encode(row), row.timestamp))
    now_ms = rows[-1].timestamp + 1_000
    path.publish(rows[LEARNED].timestamp)
    copies, chance = {arm: Copy(arm, path, now_ms) for arm in ARMS}, random.Random(7)
    records, took = records_of(rows[LEARNED:]), []
    for start in range(0, len(records) - size + 1, size):
        batch, cpu_s = records[start : start + size], {}
        for arm in chance.sample(ARMS, len(ARMS)):
            cpu_s[arm] = await copies[arm].take(batch)
        if start >= WARM:
            took.append([cpu_s[arm] for arm in ARMS])
    assert len({copy.lists_written for copy in copies.values()}) == 1, "all copies do the same"
    return figures(np.array(took), size) | {"lists_per_event": round(copies[OFF].lists_written / len(records), 2)}


def figures(cpu_s: Any, size: int) -> dict[str, Any]:
    """Of CPU seconds by batch and arm. The slowest hundredth of the batches is left out of all arms: a processor that
    was taken away in the middle says nothing about any."""
    usual = cpu_s[cpu_s.max(axis=1) <= np.quantile(cpu_s.max(axis=1), 0.99)]
    drawn = usual[np.random.default_rng(7).integers(len(usual), size=(RESAMPLES, len(usual)))].sum(axis=1)
    told: dict[str, Any] = {"batches": len(usual)}
    for place, arm in enumerate(ARMS):
        told[f"{arm}_us_per_event"] = round(float(usual[:, place].mean()) * 1e6 / size, 2)
        if arm != OFF:
            low, high = np.quantile(drawn[:, place] / drawn[:, 0], (0.025, 0.975))
            told[f"{arm}_ratio"] = round(float(usual[:, place].sum() / usual[:, 0].sum()), 4)
            told[f"{arm}_interval"] = [round(float(low), 4), round(float(high), 4)]
    return told


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--events", type=int, default=20_000, help="measured events of each batch size")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    films = find_dataset(arguments.data)
    found = {}
    for size in BATCHES:
        events = arguments.events if size > 1 else arguments.events // 4
        found[f"batches of {size}"] = asyncio.run(measure(films, events, size))
        print(f"batches of {size}: {found[f'batches of {size}']}", flush=True)
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
