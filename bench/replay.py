"""A replay beside our live path and the stock Faust application over the same log, and MovieLens 1M as a whole.

    freshet bench replay [--data DIR] [--ratios-only] [--json]

1. The first 300,000 events of MovieLens 1M, preloaded: stock Faust (`baselines/stock_faust.py`, which reads the first
   of them), the worker of a version that serves (it writes every list), and the worker that `freshet replay` starts.
   Ratios are of events by CPU second; nobody is evaluated.
2. MovieLens 1M, preloaded: `freshet replay` with two workers, which evaluate 10 % of the events on the way, from its
   start
   to the head of the log and to a list for every user, in wall time on this machine, broker and Redis included.

Starts a Kafka and a Valkey of its own and removes them. Needs the data set: exit code 2 without it.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measured import BenchFailed, Speed, measure_stock, measure_worker
from ops.operator.versions.generator_scores import read_behind

from agents.versions.registry import change_registry
from offline.datasets.dataset import Dataset, DatasetError
from offline.datasets.movielens_1m import MovieLens1M
from offline.traffic import DatasetTraffic
from offline.versions.gate import GateLimits
from ops.configuration.settings_sources import load_settings
from ops.local_stack.stack import LocalStack
from ops.operator.replay.run import BATCH_MAX_RECORDS
from serving.registry import Switch
from streams.kafka.producer import Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

PARTITIONS = 4
SMALL, LARGE = "ratios", "whole"
LIVE, REPLAYED = "live", "replayed"
WORKERS = 2
#: Of MovieLens 1M, so many events are evaluated.
EVALUATION_SAMPLE_RATE = 0.1
#: What the ratios are measured over: long enough that what is done once, or once a minute, does not decide.
RATIO_EVENTS = 300_000
#: Of the log that all three read; at its speed the rest would take minutes and change nothing.
STOCK_EVENTS = 20_000
POLL_S = 0.2
TIMEOUT_S = 1800
CAUGHT_UP = '"event":"caught_up"'
EXIT_USAGE = 2


async def preload(stack: LocalStack, namespace: str, dataset: Dataset, first: int | None) -> int:
    """Topics of both versions, a registry in which LIVE serves, and the data set or its `first` events; returns the
    number of events."""
    for version in (LIVE, REPLAYED):
        ensure_topics(stack.bootstrap, Topics(namespace, version), PARTITIONS, replication=1, timeout_s=60)
    switch = Switch(1, "first", {LIVE: 100}, "bench", 0)
    await change_registry(stack.bootstrap, Topics(namespace), lambda _: [switch.record()])
    traffic = DatasetTraffic(dataset, Topics(namespace), time.time_ns() // 1_000_000, first)
    async with Producer(stack.bootstrap, linger_ms=20) as producer:
        await producer.publish_all(traffic.catalog())
        await producer.publish_all(traffic.profiles())
        return await producer.publish_all(timed.record for timed in traffic.events())


def evaluating(share: float) -> dict[str, str]:
    """Which share of the events a version is evaluated by."""
    return {"FRESHET_EVALUATION_SAMPLE_RATE": str(share)}


def environment(stack: LocalStack, namespace: str, version: str, folder: Path) -> dict[str, str]:
    """Settings of a process, all others as they are by default."""
    return {
        "FRESHET_NAMESPACE": namespace,
        "FRESHET_MODEL_VERSION": version,
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
        "FRESHET_PARTITIONS": str(PARTITIONS),
        "FRESHET_OVERLOAD_AFTER_S": "0",  # the live path makes its lists however old events are
    }


async def ratios(stack: LocalStack, dataset: Dataset, folder: Path) -> dict[str, Speed]:
    """Stock Faust, the live path and the replay, one after the other over the same log."""
    events = await preload(stack, SMALL, dataset, RATIO_EVENTS)
    stock = await asyncio.to_thread(
        measure_stock, stack.bootstrap, Topics(SMALL).interactions, PARTITIONS, folder, min(events, STOCK_EVENTS)
    )
    live = await measure(stack, LIVE, folder, events, evaluating(0.0))
    batches = {"FRESHET_BATCH_MAX_RECORDS": str(BATCH_MAX_RECORDS)}
    replay = await measure(stack, REPLAYED, folder, events, batches | evaluating(0.0))
    return {"stock": stock, "live": live, "replay": replay}


async def measure(stack: LocalStack, version: str, folder: Path, events: int, more: dict[str, str]) -> Speed:
    """One worker over the whole log."""
    given = environment(stack, SMALL, version, folder) | more
    command, log = [sys.executable, "-m", "ops.cli", "worker"], folder / f"{version}.log"
    return await measure_worker(command, given, log, stack.bootstrap, Topics(SMALL, version), events)


async def whole(stack: LocalStack, dataset: Dataset, folder: Path) -> dict[str, float]:
    """`freshet replay` over a whole log."""
    events = await preload(stack, LARGE, dataset, None)
    command = [sys.executable, "-m", "ops.cli", "replay", REPLAYED, "--workers", str(WORKERS), "--json"]
    log, began_s = folder / "replay.log", time.monotonic()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | environment(stack, LARGE, LIVE, folder) | evaluating(EVALUATION_SAMPLE_RATE),
            stdout=output,
            stderr=output,
            cwd=folder,
        )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            caught_up_s = await _caught_up_s(process, log, began_s)
            await _listed(stack)
        total_s = time.monotonic() - began_s
    finally:
        process.terminate()
        await process.wait()
    return {"events": events, "caught_up_s": caught_up_s, "total_s": total_s}


async def _caught_up_s(process: asyncio.subprocess.Process, log: Path, began_s: float) -> float:
    while True:
        said = await asyncio.to_thread(log.read_text)
        if CAUGHT_UP in said:
            return time.monotonic() - began_s
        if process.returncode is not None:
            raise BenchFailed(f"the replay ended with {process.returncode}:\n{said[-2000:]}")
        await asyncio.sleep(POLL_S)


async def _listed(stack: LocalStack) -> None:
    """Waits until nothing speaks against the version's lists: every partition's marker says that none is pending."""
    topics, limits = Topics(LARGE, REPLAYED), GateLimits()
    while True:
        behind = await read_behind(stack.bootstrap, stack.redis_url, topics, limits)
        if not any(place.reason(REPLAYED) for place in behind):
            return
        await asyncio.sleep(POLL_S)


@contextmanager
def servers(folder: Path) -> Iterator[LocalStack]:
    """A stack of the bench's own."""
    stack = LocalStack.on_free_ports(folder)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        stack.wipe()


async def run(dataset: Dataset, folder: Path, *, ratios_only: bool) -> dict[str, object]:
    """The whole bench, or only the ratios."""
    with servers(folder) as stack:
        speeds = await ratios(stack, dataset, folder)
        figures = {} if ratios_only else await whole(stack, dataset, folder)
    by_cpu = {name: speed.events_per_cpu_s for name, speed in speeds.items()}
    return {
        "events_per_s": round(figures["events"] / figures["caught_up_s"] if figures else speeds["replay"].events_per_s),
        "ratio_vs_stock_cpu": round(by_cpu["replay"] / by_cpu["stock"], 2),
        "ratio_vs_live_cpu": round(by_cpu["replay"] / by_cpu["live"], 2),
        **{f"ml_1m_{name}": round(value, 1) for name, value in figures.items() if name.endswith("_s")},
        **{name: speed.as_dict() for name, speed in speeds.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-1m/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--ratios-only", action="store_true", help="leave MovieLens 1M as a whole out")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    data = arguments.data or load_settings().data_dir
    if data is None:
        print("no data: give --data DIR or set FRESHET_DATA_DIR", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    try:
        dataset = MovieLens1M.find(data)
    except DatasetError as missing:
        print(missing, file=sys.stderr)
        sys.exit(EXIT_USAGE)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        figures = asyncio.run(run(dataset, Path(folder), ratios_only=arguments.ratios_only))
    for name, value in figures.items():
        print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
