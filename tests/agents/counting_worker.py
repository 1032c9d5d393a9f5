"""A worker whose step only counts records per key: run by the delivery tests as a process of its own.

Usage: counting_worker.py BOOTSTRAP NAMESPACE PARTITIONS DATA_DIR [POISON]
A record whose value is POISON makes the fold raise.
"""

import asyncio
import sys
from pathlib import Path

import msgspec
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.app import build_app
from agents.delivery.outgoing import Outgoing
from agents.delivery.ownership import Ownership
from agents.delivery.partition_task import PartitionTask
from agents.delivery.producer import PartitionProducer
from agents.delivery.quarantine import CrashMarks
from agents.delivery.step import Effects
from agents.delivery.table import ChangelogTable
from agents.worker_config import WorkerConfig
from streams.topics import Topics


class CountingStep:
    """Rows: key to the number of records and the sum of their offsets, with no guard of its own against repeats."""

    def __init__(self, table: ChangelogTable, dead_letters: str, poison: bytes | None) -> None:
        self._table = table
        self._dead_letters = dead_letters
        self._poison = poison
        self._counts: dict[bytes, list[int]] = {}
        self._dead: list[Outgoing] = []

    def fold(self, record: ConsumerRecord) -> None:
        if self._poison is not None and record.value == self._poison:
            raise ZeroDivisionError("poison")
        count = self._counts.get(record.key)
        if count is None:
            raw = self._table.rows.get(record.key)
            count = self._counts[record.key] = msgspec.json.decode(raw) if raw else [0, 0]
        count[0] += 1
        count[1] += record.offset

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        self._dead.append(Outgoing(self._dead_letters, record.partition, record.key, detail.encode()))

    async def effects(self, next_offset: int, *, force: bool) -> Effects:
        changes = [(key, msgspec.json.encode(count)) for key, count in self._counts.items()]
        self._table.rows.update(changes)
        self._counts.clear()
        dead, self._dead = self._dead, []
        return Effects(changes, dead)

    async def tick(self, next_offset: int) -> None: ...

    def reset(self) -> None:
        self._counts.clear()


async def main(bootstrap: str, namespace: str, partitions: int, data_dir: str, poison: bytes | None) -> int:
    topics = Topics(namespace)
    config = WorkerConfig(
        bootstrap=bootstrap,
        redis_url="redis://unused",
        topics=topics,
        partitions=partitions,
        batch_max_records=50,
        list_size=1,
        list_ttl_s=1,
        list_expires_s=1,
        allowed_lateness_s=1,
        retention_days=1,
        active_days=1,
        item_model_interval_s=1,
        item_model_budget_bytes_per_s=1,
        session_timeout_s=6,
        data_dir=Path(data_dir),
    )

    def new_task(source: TopicPartition) -> PartitionTask:
        table = ChangelogTable(
            topics.user_changelog if source.topic == topics.interactions else topics.item_model, source.partition
        )
        producer = PartitionProducer(
            bootstrap, topics.transactional_id(source.topic, source.partition), topics.consumer_group
        )
        marks = CrashMarks(topics.crash_marks, source.topic, source.partition)
        return PartitionTask(source, producer, table, marks, CountingStep(table, topics.dead_letters, poison))

    ownership = Ownership(bootstrap, topics.consumer_group, new_task)
    app = build_app(config, ownership)
    await app.start()
    print("ready", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    import signal

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await app.stop()
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    poison_value = arguments[4].encode() if len(arguments) > 4 else None
    sys.exit(asyncio.run(main(arguments[0], arguments[1], int(arguments[2]), arguments[3], poison_value)))
