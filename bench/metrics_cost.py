"""What metrics cost a worker: pairs of workers over the same log, with and without, by CPU.

    freshet bench metrics [--data DIR] [--events N] [--pairs N] [--former DIR] [--json]

With metrics: FRESHET_METRICS_PORT is set and the page is read once a second, fifteen times as often as usual. Without:
no port, which still counts what is counted anyway; with `--former` the worker of that checkout instead, one from before
there were any. Each pair runs in the other order than the one before. Starts a Kafka and a Valkey of its own and
removes them. Exit code 2 without the data set (MovieLens 100K).
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import httpx
from measured import Speed, measure_worker
from worker import EXIT_USAGE, NAMESPACE, PARTITIONS, find_dataset

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_100k import MovieLens100K
from offline.traffic import DatasetTraffic
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.kafka.producer import Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

ON, OFF = "on", "off"
SCRAPE_EVERY_S = 1.0


async def preload(bootstrap: str, topics: Topics, dataset: MovieLens100K, count: int) -> int:
    """Publishes catalogue and the first events; returns how many."""
    ensure_topics(bootstrap, topics, PARTITIONS, replication=1, timeout_s=60)
    traffic = DatasetTraffic(dataset, topics, time.time_ns() // 1_000_000)
    async with Producer(bootstrap, linger_ms=20) as producer:
        await producer.publish_all(traffic.catalog())
        return await producer.publish_all(timed.record for timed in islice(traffic.events(), count))


async def scraped(port: int) -> None:
    """Reads the page for as long as somebody answers."""
    async with httpx.AsyncClient() as client:
        while True:
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
                answer.raise_for_status()
            except httpx.TransportError:
                pass  # it starts, or has ended
            await asyncio.sleep(SCRAPE_EVERY_S)


async def measure(stack: LocalStack, name: str, folder: Path, events: int, kind: str, former: Path | None) -> Speed:
    """One worker over a log of its own, which it serves: lists are written as they are where readers wait for them."""
    topics, port = Topics(name), free_port()
    environment = {
        "FRESHET_NAMESPACE": name,
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
        "FRESHET_PARTITIONS": str(PARTITIONS),
        "FRESHET_OVERLOAD_AFTER_S": "0",
    }
    if kind == ON:
        environment["FRESHET_METRICS_PORT"] = str(port)
    elif former is not None:
        environment["PYTHONPATH"] = str(former)
    scraping = asyncio.create_task(scraped(port)) if kind == ON else None
    try:
        command = [sys.executable, "-m", "ops.cli", "worker"]
        return await measure_worker(command, environment, folder / f"{name}.log", stack.bootstrap, topics, events)
    finally:
        if scraping is not None:
            scraping.cancel()
            await asyncio.gather(scraping, return_exceptions=True)


async def run(dataset: MovieLens100K, folder: Path, count: int, pairs: int, former: Path | None) -> dict[str, object]:
    """The whole bench on servers of its own."""
    stack = LocalStack.on_free_ports(folder)
    cpu_us: dict[str, list[float]] = {ON: [], OFF: []}
    try:
        stack.start()
        for pair in range(pairs):
            for kind in (OFF, ON) if pair % 2 else (ON, OFF):
                name = f"{NAMESPACE}-{kind}-{pair}"
                await preload(stack.bootstrap, Topics(name), dataset, count)
                speed = await measure(stack, name, folder, count, kind, former)
                cpu_us[kind].append(1e6 / speed.events_per_cpu_s)
    finally:
        stack.stop()
        stack.wipe()
    ratios = [on / off for on, off in zip(cpu_us[ON], cpu_us[OFF], strict=True)]
    return {
        "events": count,
        "cpu_us_per_event": {kind: [round(value, 1) for value in values] for kind, values in cpu_us.items()},
        "ratios": [round(ratio, 4) for ratio in ratios],
        "median_ratio": round(statistics.median(ratios), 4),
        "ratio_of_sums": round(sum(cpu_us[ON]) / sum(cpu_us[OFF]), 4),
        "beside": "no port" if former is None else "a former checkout",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--events", type=int, default=100_000, help="how many events of it (default: all)")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs (default: 5)")
    parser.add_argument("--former", type=Path, help="checkout whose worker is the one without metrics")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    try:
        dataset = find_dataset(arguments.data)
    except DatasetError as missing:
        print(missing, file=sys.stderr)
        sys.exit(EXIT_USAGE)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        figures = asyncio.run(run(dataset, Path(folder), arguments.events, arguments.pairs, arguments.former))
    for name, value in figures.items():
        print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
