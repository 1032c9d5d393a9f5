"""The same events through other stream processors and through ours, one after the other in one run.

    freshet bench peers [--data DIR] [--copies N] [--json]

* `aiokafka`: fetched, decoded and forgotten: the most that Python can do (`baselines/plain_aiokafka.py`).
* `stock_faust`: the application of Faust's own documentation, three tables (`baselines/stock_faust.py`).
* `quixstreams` and `kafka_streams`: a row per user with the last 100 items and counts of items in windows, exactly once
  (`baselines/quix_state.py`, `baselines/kstreams/`). Kafka Streams has a second figure, `warm`: the second half of its
  log, which is N times as long (N = copies, by different users), because its code is compiled while it runs.
* `freshet_state_only`: rows with sessions, features and embeddings, counters, windows, co-occurrence, exactly once.
* `freshet_full`: the same, and every list in Valkey.

Ratios are of events by CPU second. What quixstreams and Kafka Streams need is fetched into build/peers/ of the
checkout; where that is not possible their rows say why, and the others are measured. Starts a Kafka and a Valkey of its
own and removes them. Needs MovieLens 100K: exit code 2 without it.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from measured import BenchFailed, Speed, measure_program, measure_stock
from msgspec import structs
from worker import FULL, PARTITIONS, STATE_ONLY, find_dataset, measure_version, preload

from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.traffic import DatasetTraffic
from ops.local_stack.stack import LocalStack
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

COMMIT_MS = "1000"  # as a worker's transactions are
BASELINES = Path(__file__).parent / "baselines"
FETCHED = Path(__file__).parent.parent / "build" / "peers"
QUIXSTREAMS = "quixstreams==3.28.1"
LONG_NAMESPACE = "bench-long"

Row = dict[str, float | str]


def quixstreams_python() -> Path:
    """The interpreter of an environment that has quixstreams, which wants other versions of what we use too."""
    python = FETCHED / "quixstreams" / "bin" / "python"
    if not python.exists():
        folder = python.parent.parent
        try:
            _fetch([sys.executable, "-m", "venv", str(folder)])
            _fetch([str(python), "-m", "pip", "install", "--quiet", QUIXSTREAMS, "orjson"])
        except BenchFailed:
            shutil.rmtree(folder, ignore_errors=True)  # half an environment looks like a whole one
            raise
    return python


def kafka_streams_classpath() -> str:
    """The compiled program and its libraries."""
    project = FETCHED / "kstreams"
    if shutil.which("mvn") is None or shutil.which("java") is None:
        raise BenchFailed("needs java and mvn")
    shutil.copytree(BASELINES / "kstreams", project, dirs_exist_ok=True)
    libraries = project / "target" / "libs"
    goals = ["package", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    _fetch(["mvn", "--quiet", "--batch-mode", "--file", str(project), *goals])
    return os.pathsep.join((str(project / "target" / "classes"), f"{libraries}/*"))


def _fetch(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}")


async def preload_long(bootstrap: str, dataset: MovieLens100K, copies: int) -> int:
    """Publishes the events `copies` times, each time of other users and later; returns how many."""
    topics = Topics(LONG_NAMESPACE)
    ensure_topics(bootstrap, topics, PARTITIONS, replication=1, timeout_s=60)
    rows = DatasetTraffic(dataset, topics, 0).rows()
    span_ms = rows[-1].timestamp - rows[0].timestamp
    shift_ms = time.time_ns() // 1_000_000 - rows[-1].timestamp - copies * span_ms  # windows drop what comes late

    def records() -> Iterator[OutgoingRecord]:
        for copy in range(copies):
            for row in rows:
                user_id = f"{row.user_id}-{copy}"
                event = structs.replace(row, user_id=user_id, timestamp=row.timestamp + shift_ms + copy * span_ms)
                yield OutgoingRecord(topics.interactions, user_id.encode(), encode(event))

    async with Producer(bootstrap, linger_ms=20) as producer:
        return await producer.publish_all(records())


def peer(command: list[str], bootstrap: str, topic: str, folder: Path, events: int) -> Mapping[str, float]:
    """What a program of `baselines/` prints of a topic that holds so many events."""
    state = folder / Path(command[-1]).stem
    environment = {
        "EVENTS": str(events),
        "APP_ID": f"{topic}.{state.name}",
        "BROKER": bootstrap,
        "TOPIC": topic,
        "STATE_DIR": str(state),
        "COMMIT_MS": COMMIT_MS,
    }
    return measure_program(command, environment, folder)


def tried(measure: Callable[[], Mapping[str, float]]) -> Row:
    """Figures, or why there are none."""
    try:
        return {name: round(value) for name, value in measure().items()}
    except BenchFailed as missing:
        return {"not_measured": str(missing)}


async def run(dataset: MovieLens100K, folder: Path, copies: int) -> dict[str, Row]:
    """The whole bench on servers of its own."""
    stack = LocalStack.on_free_ports(folder)
    try:
        stack.start()
        events = await preload(stack.bootstrap, dataset)
        long_events = await preload_long(stack.bootstrap, dataset, copies)
        topic, long_topic = Topics("bench").interactions, Topics(LONG_NAMESPACE).interactions

        def quixstreams() -> Mapping[str, float]:
            command = [str(quixstreams_python()), str(BASELINES / "quix_state.py")]
            return peer(command, stack.bootstrap, topic, folder, events)

        def kafka_streams() -> Mapping[str, float]:
            command = ["java", "-Xmx512m", "-classpath", kafka_streams_classpath(), "StateOfUsers"]
            return peer(command, stack.bootstrap, long_topic, folder, long_events)

        def aiokafka() -> Mapping[str, float]:
            command = [sys.executable, str(BASELINES / "plain_aiokafka.py")]
            return peer(command, stack.bootstrap, topic, folder, events)

        stock = await asyncio.to_thread(measure_stock, stack.bootstrap, topic, PARTITIONS, folder, events)
        rows: dict[str, Row] = {"stock_faust": _figures(stock)}
        rows["aiokafka"] = await asyncio.to_thread(tried, aiokafka)
        rows["quixstreams"] = await asyncio.to_thread(tried, quixstreams)
        rows["kafka_streams"] = await asyncio.to_thread(tried, kafka_streams)
        for name, version in (("freshet_state_only", STATE_ONLY), ("freshet_full", FULL)):
            rows[name] = _figures(await measure_version(stack, version, folder, events))
    finally:
        stack.stop()
        stack.wipe()
    return with_ratios(rows, stock)


def with_ratios(rows: dict[str, Row], stock: Speed) -> dict[str, Row]:
    """Adds how many times as many events by CPU second each has as stock Faust, and ours as Kafka Streams when warm."""
    warm = rows["kafka_streams"].get("warm_events_per_cpu_s")
    for name, row in rows.items():
        speed = row.get("events_per_cpu_s")
        if isinstance(speed, int | float):
            row["ratio_vs_stock_faust"] = round(speed / stock.events_per_cpu_s, 2)
            if name.startswith("freshet") and isinstance(warm, int | float):
                row["ratio_vs_kafka_streams_warm"] = round(speed / warm, 2)
    return rows


def _figures(speed: Speed) -> Row:
    return {"events_per_s": round(speed.events_per_s), "events_per_cpu_s": round(speed.events_per_cpu_s)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--copies", type=int, default=5, help="how often Kafka Streams reads the events (default: 5)")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    dataset = find_dataset(arguments.data)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        figures = asyncio.run(run(dataset, Path(folder), arguments.copies))
    for name, values in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in values.items()))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
