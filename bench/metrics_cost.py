"""What metrics and traces cost a worker: one process that switches them off and on every few hundred events, by CPU.

    freshet bench metrics [--data DIR] [--events N] [--runs N] [--json]

Four arms take turns in random order while the worker folds and writes lists: `off` (nothing is observed), `counted`
(instruments alone), `scraped` (one reading of the page in each slice, a hundred times as often as usual) and `traced`
(instruments, and one record in a hundred comes with a sampled `traceparent`; spans go to a collector in this process).
So all arms see the same state, the same traffic and the same neighbours on the machine; only chance differs, and the
interval says how much. Counters that are plain additions are not switched: each takes some 0.03 µs. Ratios are of
CPU by event (user + system, all threads) beside `off`, over all slices; intervals are 95 %, by bootstrap over rounds.
Starts a Kafka and a Valkey of its own and removes them. Exit code 2 without the data set (MovieLens 100K).
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from worker import EXIT_USAGE, NAMESPACE, PARTITIONS, find_dataset

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_100k import MovieLens100K
from offline.traffic import DatasetTraffic
from ops.group_progress import GroupProgress
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

OFF, SCRAPED = "off", "scraped"
ARMS = (OFF, "counted", SCRAPED, "traced")
TRACED_EVERY = 100
#: Fewer events say nothing: the worker waited for the broker, or for the end.
LEAST_EVENTS = 20
RESAMPLES = 4_000
USUAL_SCRAPE_S = 15.0


class NullCollector(BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    def do_POST(self) -> None:
        """Every request is fine."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def traced(records: Iterator[OutgoingRecord]) -> Iterator[OutgoingRecord]:
    """One in `TRACED_EVERY` with a sampled parent."""
    for number, record in enumerate(records):
        if number % TRACED_EVERY:
            yield record
        else:
            parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode()
            yield record._replace(headers=[("traceparent", parent)])


async def preload(bootstrap: str, topics: Topics, dataset: MovieLens100K, count: int) -> int:
    """Publishes catalogue and the first events; returns how many."""
    ensure_topics(bootstrap, topics, PARTITIONS, replication=1, timeout_s=60)
    traffic = DatasetTraffic(dataset, topics, time.time_ns() // 1_000_000)
    async with Producer(bootstrap, linger_ms=20) as producer:
        await producer.publish_all(traffic.catalog())
        return await producer.publish_all(traced(timed.record for timed in islice(traffic.events(), count)))


async def measure(stack: LocalStack, name: str, folder: Path, collector: str) -> list[dict[str, Any]]:
    """The slices of one worker over a log of its own, which it serves: lists are written as where readers wait."""
    topics, port = Topics(name), free_port()
    environment = {
        **os.environ,
        "FRESHET_NAMESPACE": name,
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
        "FRESHET_PARTITIONS": str(PARTITIONS),
        "FRESHET_OVERLOAD_AFTER_S": "0",
        "FRESHET_BATCH_MAX_RECORDS": "100",  # slices begin and end between batches
        "FRESHET_METRICS_PORT": str(port),
        "FRESHET_OTLP_URL": collector,
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("toggled_worker.py")),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    reading = asyncio.create_task(slices(process, port))
    try:
        async with GroupProgress(stack.bootstrap, topics.consumer_group) as progress:
            while not await progress.caught_up([topics.interactions, topics.deltas]):
                if process.returncode is not None:  # a machine that is too busy ends transactions: what it said stays
                    print(f"the worker ended with {process.returncode} before it was done", file=sys.stderr)
                    break
                await asyncio.sleep(1)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    return await reading


async def slices(process: asyncio.subprocess.Process, port: int) -> list[dict[str, Any]]:
    """What the worker says, until it ends; the page is read once in each slice that is to be scraped."""
    found: list[dict[str, Any]] = []
    assert process.stdout is not None
    async with httpx.AsyncClient() as client:
        async for line in process.stdout:
            text = line.decode().strip()
            if text == SCRAPED:
                (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=30)).raise_for_status()
            elif text.startswith("{"):
                found.append(json.loads(text))
    return found


def figures(runs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Ratios of CPU by event, with intervals."""
    rounds = []
    for found in runs:
        for start in range(0, len(found) - len(ARMS) + 1, len(ARMS)):
            of = {one["arm"]: one for one in found[start : start + len(ARMS)]}
            if min(one["folded"] for one in of.values()) >= LEAST_EVENTS:
                rounds.append([[of[arm]["cpu_s"], of[arm]["folded"]] for arm in ARMS])
    measured = np.array(rounds)  # rounds x arms x (CPU, events)
    chance = np.random.default_rng(7)
    drawn = measured[chance.integers(len(measured), size=(RESAMPLES, len(measured)))].sum(axis=1)
    cpu_by_event, drawn_by_event = measured.sum(axis=0), drawn[..., 0] / drawn[..., 1]
    by_event = cpu_by_event[:, 0] / cpu_by_event[:, 1]
    ratios, told = drawn_by_event / drawn_by_event[:, :1], {}
    for place, arm in enumerate(ARMS[1:], 1):
        low, high = np.quantile(ratios[:, place], (0.025, 0.975))
        told[arm] = {
            "ratio": round(float(by_event[place] / by_event[0]), 4),
            "interval": [round(float(low), 4), round(float(high), 4)],
        }
    events_a_slice = measured[:, ARMS.index(SCRAPED), 1].mean()
    scrape_s = float((by_event[2] - by_event[1]) * events_a_slice)
    return {
        "rounds": len(measured),
        "cpu_us_per_event": {arm: round(float(by_event[place]) * 1e6, 1) for place, arm in enumerate(ARMS)},
        "beside_off": told,
        "cpu_ms_per_scrape": round(scrape_s * 1000, 2),
        "share_of_a_core_for_scrapes": round(max(0.0, scrape_s) / USUAL_SCRAPE_S, 5),
    }


async def run(dataset: MovieLens100K, folder: Path, count: int, runs: int) -> dict[str, Any]:
    """The whole bench on servers of its own."""
    stack, collector = LocalStack.on_free_ports(folder), ThreadingHTTPServer(("127.0.0.1", 0), NullCollector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    found = []
    try:
        await asyncio.to_thread(stack.start)
        for number in range(runs):
            name = f"{NAMESPACE}-{number}"
            await preload(stack.bootstrap, Topics(name), dataset, count)
            found.append(await measure(stack, name, folder, f"http://127.0.0.1:{collector.server_port}"))
    finally:
        collector.shutdown()
        await asyncio.to_thread(stack.stop)
        await asyncio.to_thread(stack.wipe)
    return {"events": count, "runs": runs, **figures(found)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--events", type=int, default=100_000, help="how many events of it (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="workers, one after the other (default: 3)")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    try:
        dataset = find_dataset(arguments.data)
    except DatasetError as missing:
        print(missing, file=sys.stderr)
        sys.exit(EXIT_USAGE)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        found = asyncio.run(run(dataset, Path(folder), arguments.events, arguments.runs))
    for name, value in found.items():
        print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
