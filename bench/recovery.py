"""Restoring state: our bulk restore, Faust's own recovery and a plain consumer, on the same records in one run; then
the time from kill -9 of a worker until every partition makes progress again.

    python bench/recovery.py [--keys N] [--json]

Needs a running Kafka and Redis (`freshet up`). The restore ratios are of CPU seconds, because one process does all the
work in each of the three; wall seconds are printed beside them. Faust's recovery hangs on transactional changelogs, so
it reads a copy of the same records written without transactions.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from agents.delivery.outgoing import Outgoing
from agents.delivery.producer import PartitionProducer
from agents.delivery.restore import restore
from agents.delivery.table import ChangelogTable
from ops.configuration.settings_sources import load_settings
from streams.contract.partitioning import partition_of
from streams.kafka.bulk_read import read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics
from tables import user_keys, user_row
from tables.user_row import UserRow

PARTITIONS = 4
CHUNK = 20_000
IDLE_MS = 60 * 86_400_000  # the preloaded users are inactive: the bench restores rows, it does not write their lists
FAUST_APP = Path(__file__).parent / "baselines" / "faust_recovery.py"


def rows(count: int) -> list[list[tuple[bytes, bytes]]]:
    """`count` user rows by partition, as a worker writes them."""
    idle_ms = time.time_ns() // 1_000_000 - IDLE_MS
    value = user_row.CODEC.encode(UserRow(last_offset=0, last_append_ms=idle_ms, folded=1))
    by_partition: list[list[tuple[bytes, bytes]]] = [[] for _ in range(PARTITIONS)]
    for number in range(count):
        user = f"user-{number:08d}"
        by_partition[partition_of(user.encode(), PARTITIONS)].append((user_keys.user_key(user), value))
    return by_partition


async def preload(bootstrap: str, topics: Topics, by_partition: list[list[tuple[bytes, bytes]]]) -> None:
    """Writes the rows to the user changelog in transactions."""
    for partition, part in enumerate(by_partition):
        producer = PartitionProducer(bootstrap, f"bench-{secrets.token_hex(4)}", topics.consumer_group)
        await producer.fence()
        for start in range(0, len(part), CHUNK):
            outgoing = [
                Outgoing(topics.user_changelog, partition, key, value) for key, value in part[start : start + CHUNK]
            ]
            await producer.commit(outgoing, None, 0)
        await producer.close()


async def copy_plainly(bootstrap: str, topic: str, by_partition: list[list[tuple[bytes, bytes]]]) -> None:
    """Writes the same records to `topic` without transactions, keys and values as JSON as Faust's tables want them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=512 * 1024, linger_ms=20)
    await producer.start()
    for partition, part in enumerate(by_partition):
        batch = producer.create_batch()
        for key, value in part:
            encoded = (json.dumps(key.decode()).encode(), json.dumps(value.hex()).encode())
            if batch.append(timestamp=None, key=encoded[0], value=encoded[1]) is None:
                batch.close()
                await producer.send_batch(batch, topic, partition=partition)
                batch = producer.create_batch()
                batch.append(timestamp=None, key=encoded[0], value=encoded[1])
        batch.close()
        await producer.send_batch(batch, topic, partition=partition)
    await producer.flush()
    await producer.stop()


async def timed(work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    """CPU and wall seconds of `work` in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}


async def ours(bootstrap: str, topics: Topics) -> dict[str, float]:
    """The product's restore of every partition."""
    tables = [ChangelogTable(topics.user_changelog, partition) for partition in range(PARTITIONS)]
    figures = await timed(lambda: restore(bootstrap, tables))
    return {"keys": sum(len(table.rows) for table in tables), **figures}


async def plain(bootstrap: str, topics: Topics) -> dict[str, float]:
    """A consumer that reads the same records and only counts them."""
    count = [0]

    def apply(_: object) -> None:
        count[0] += 1

    figures = await timed(lambda: read_topics(bootstrap, [topics.user_changelog], apply))
    return {"keys": count[0], **figures}


def faust_itself(bootstrap: str, app_id: str) -> dict[str, float]:
    """Faust's own table recovery, in a process of its own."""
    environment = {**os.environ, "APP_ID": app_id, "BROKER": f"kafka://{bootstrap}", "PARTITIONS": str(PARTITIONS)}
    command = [sys.executable, str(FAUST_APP), "worker", "-l", "warn", "--without-web"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if '{"keys"' in line]
    if not lines:
        raise RuntimeError(f"Faust's recovery did not report: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(lines[-1][lines[-1].index('{"keys"') :])
    return figures


class Failover:
    """Two workers with `keys` rows each after the takeover; one is killed under a trickle of events."""

    def __init__(self, bootstrap: str, namespace: str) -> None:
        self._bootstrap = bootstrap
        self._topics = Topics(namespace)
        self._environment = {**os.environ, "FRESHET_NAMESPACE": namespace, "FRESHET_PARTITIONS": str(PARTITIONS)}

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ops.cli", "worker"]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    async def measure(self) -> float:
        """Seconds from the kill until every input partition committed an event that was published after it."""
        workers = [self._start(), self._start()]
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        await producer.start()
        try:
            await self._progress(producer, members=2)
            workers[0].send_signal(signal.SIGKILL)
            killed = time.perf_counter()
            await self._progress(producer, members=1)
            return time.perf_counter() - killed
        finally:
            await producer.stop()
            for worker in workers:
                if worker.poll() is None:
                    worker.terminate()
            for worker in workers:
                worker.wait(60)

    async def _progress(self, producer: AIOKafkaProducer, members: int) -> None:
        """Publishes to every partition until each committed something published since the call."""
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        wanted: dict[TopicPartition, int] = {}
        try:
            while True:
                for partition in range(PARTITIONS):
                    sent = await producer.send_and_wait(self._topics.interactions, *self._event(partition))
                    wanted.setdefault(TopicPartition(self._topics.interactions, partition), sent.offset)
                found = await admin.list_consumer_group_offsets(self._topics.consumer_group)
                described = await admin.describe_consumer_groups([self._topics.consumer_group])
                present = len(described[0].groups[0][5])
                if present >= members and all(tp in found and found[tp].offset > at for tp, at in wanted.items()):
                    return
                await asyncio.sleep(0.1)
        finally:
            await admin.close()

    def _event(self, partition: int) -> tuple[bytes, bytes]:
        user = next(f"probe-{n}" for n in range(1000) if partition_of(f"probe-{n}".encode(), PARTITIONS) == partition)
        event = {
            "event_type": "click",
            "user_id": user,
            "item_id": "item",
            "event_id": secrets.token_hex(8),
            "timestamp": time.time_ns() // 1_000_000,
        }
        return json.dumps(event).encode(), user.encode()


async def run(keys: int) -> dict[str, Any]:
    """The whole bench; its topics are removed at the end."""
    settings = load_settings()
    bootstrap, namespace = settings.kafka, f"bench-{secrets.token_hex(3)}"
    topics = Topics(namespace)
    await asyncio.to_thread(ensure_topics, bootstrap, topics, PARTITIONS, 1, 60.0)
    try:
        by_partition = rows(keys)
        await preload(bootstrap, topics, by_partition)
        restored, read = await ours(bootstrap, topics), await plain(bootstrap, topics)
        app_id = f"{namespace}.faust"
        changelog = f"{app_id}-rows-changelog"
        await _create(bootstrap, [changelog, f"{app_id}-input"])
        await copy_plainly(bootstrap, changelog, by_partition)
        stock = await asyncio.to_thread(faust_itself, bootstrap, app_id)
        failover_s = await Failover(bootstrap, namespace).measure()
    finally:
        await asyncio.to_thread(delete_namespace, bootstrap, namespace)
    return {
        "keys": keys,
        "ratio_vs_faust": stock["cpu_s"] / restored["cpu_s"],
        "ratio_vs_plain": restored["cpu_s"] / read["cpu_s"],
        "wall_ratio_vs_faust": stock["wall_s"] / restored["wall_s"],
        "failover_s": failover_s,
        "ours": restored,
        "faust": stock,
        "plain": read,
    }


async def _create(bootstrap: str, names: list[str]) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, help="user rows to restore")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments.keys))
    for name, value in figures.items():
        print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
