"""One worker over MovieLens 100K, preloaded in Kafka, beside the stock Faust application in the same run.

    freshet bench worker [--data DIR] [--json]

Processes read the same 100,000 events, one after the other: stock Faust (`baselines/stock_faust.py`), a whole worker,
one that ranks with a sequence model of the usual size (of random numbers), a worker that keeps all state but writes
no lists, and the latter with a transaction for each batch, as it was before decision 33. Ratios are of events by CPU
second, requests are those of the worker to Kafka. Starts a Kafka and a Valkey of its own and removes them. Needs the
data set: exit code 2 without it.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from kafka.admin import KafkaAdminClient
from lists import random_sequence_model
from measured import Speed, measure_stock, measure_worker

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_100k import MovieLens100K
from offline.traffic import DatasetTraffic
from ops.configuration.settings_sources import load_settings
from ops.local_stack.stack import LocalStack
from streams.kafka.producer import Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

NAMESPACE = "bench"
PARTITIONS = 4
FULL, SEQUENCES, STATE_ONLY, EACH_BATCH = "full", "full-sequence-model", "state-only", "state-each-batch"
_ONLY_STATE = [sys.executable, str(Path(__file__).with_name("state_only_worker.py"))]
#: The first one that starts serves; the others are candidates, which write no dead letters.
COMMANDS = {
    FULL: [sys.executable, "-m", "ops.cli", "worker"],
    SEQUENCES: [sys.executable, "-m", "ops.cli", "worker"],
    STATE_ONLY: _ONLY_STATE,
    EACH_BATCH: _ONLY_STATE,
}
SEQUENCE_MODEL = "sequences.model"
#: What a setting names is in the folder of the bench.
MORE_SETTINGS = {EACH_BATCH: {"FRESHET_COMMIT_INTERVAL_S": "0"}, SEQUENCES: {"FRESHET_SEQUENCE_MODEL": SEQUENCE_MODEL}}
EXIT_USAGE = 2


def find_dataset(data: Path | None) -> MovieLens100K:
    """The data set in `data`, or in FRESHET_DATA_DIR. Where it is not, says so and ends the process with EXIT_USAGE."""
    place = data or load_settings().data_dir
    try:
        if place is None:
            raise DatasetError("no data: give --data DIR or set FRESHET_DATA_DIR to the folder that holds ml-100k/")
        return MovieLens100K.find(place)
    except DatasetError as missing:
        print(missing, file=sys.stderr)
        sys.exit(EXIT_USAGE)


async def preload(bootstrap: str, dataset: MovieLens100K) -> int:
    """Publishes catalogue, profiles and events; returns the number of events."""
    for version in COMMANDS:
        ensure_topics(bootstrap, Topics(NAMESPACE, version), PARTITIONS, replication=1, timeout_s=60)
    traffic = DatasetTraffic(dataset, Topics(NAMESPACE), time.time_ns() // 1_000_000)
    async with Producer(bootstrap, linger_ms=20) as producer:
        await producer.publish_all(traffic.catalog())
        await producer.publish_all(traffic.profiles())
        return await producer.publish_all(timed.record for timed in traffic.events())


async def measure_version(stack: LocalStack, version: str, folder: Path, events: int) -> Speed:
    """One of our workers, under a model version of its own so that it reads the log from the start."""
    environment = {
        "FRESHET_NAMESPACE": NAMESPACE,
        "FRESHET_MODEL_VERSION": version,
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(folder),
        "FRESHET_PARTITIONS": str(PARTITIONS),
        "FRESHET_OVERLOAD_AFTER_S": "0",  # a log that is there already is no reason to make fewer lists here
        **MORE_SETTINGS.get(version, {}),
    }
    topics = Topics(NAMESPACE, version)
    log = folder / f"{version}.log"
    return await measure_worker(COMMANDS[version], environment, log, stack.bootstrap, topics, events)


def bytes_per_event(bootstrap: str, events: int) -> dict[str, float]:
    """Size on disk by event, for every topic that the whole worker wrote."""
    topics = Topics(NAMESPACE, FULL)
    names = [topics.user_changelog, topics.deltas, topics.item_model, topics.crash_marks, topics.dead_letters]
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        brokers = admin.describe_log_dirs(names)
    finally:
        admin.close()
    sizes = dict.fromkeys(names, 0)
    for broker in brokers:
        for directory in broker["log_dirs"]:
            for topic in directory["topics"]:
                sizes[topic["name"]] += sum(partition["partition_size"] for partition in topic["partitions"])
    return {name.removeprefix(f"{NAMESPACE}."): round(size / events, 1) for name, size in sizes.items()}


async def run(dataset: MovieLens100K, folder: Path) -> dict[str, dict[str, float]]:
    """The whole bench on servers of its own."""
    stack = LocalStack.on_free_ports(folder)
    try:
        stack.start()
        model = random_sequence_model([item.item_id for item in dataset.items()])
        (folder / SEQUENCE_MODEL).write_bytes(model.encode())
        events = await preload(stack.bootstrap, dataset)
        topic = Topics(NAMESPACE).interactions
        stock = await asyncio.to_thread(measure_stock, stack.bootstrap, topic, PARTITIONS, folder, events)
        ours = {version: await measure_version(stack, version, folder, events) for version in COMMANDS}
        sizes = bytes_per_event(stack.bootstrap, events)
    finally:
        stack.stop()
        stack.wipe()
    return {
        "full": _beside(ours[FULL], stock),
        "full_with_sequence_model": {
            **_beside(ours[SEQUENCES], stock),
            "ratio_vs_without": round(ours[SEQUENCES].events_per_cpu_s / ours[FULL].events_per_cpu_s, 2),
        },
        "state_only": _beside(ours[STATE_ONLY], stock),
        "state_only_each_batch": _beside(ours[EACH_BATCH], stock),
        "broker_requests_per_1000_events": {
            kind: round(count, 1) for kind, count in sorted(ours[STATE_ONLY].requests_per_1000.items())
        },
        "stock": stock.as_dict(),
        "bytes_per_event": sizes,
    }


def _beside(ours: Speed, stock: Speed) -> dict[str, float]:
    return {**ours.as_dict(), "ratio_vs_stock": round(ours.events_per_cpu_s / stock.events_per_cpu_s, 2)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    dataset = find_dataset(arguments.data)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        figures = asyncio.run(run(dataset, Path(folder)))
    for name, values in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value:,}" for key, value in values.items()))
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
