"""A worker whose step only counts records per key: run by the delivery tests as a process of its own.

Usage: counting_worker.py BOOTSTRAP NAMESPACE PARTITIONS DATA_DIR
A record whose value is POISON makes the fold raise, which ends the process.
"""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.app import build_app
from agents.dead_letters import dead_letter_of, dead_letter_record
from agents.delivery.crash_marks import CrashMarks
from agents.delivery.log_check import LogCheck
from agents.delivery.outgoing import Outgoing
from agents.delivery.ownership import Ownership
from agents.delivery.partition_task import PartitionTask
from agents.delivery.producer import PartitionProducer
from agents.delivery.step import Effects
from agents.delivery.table import ChangelogTable
from agents.worker_config import WorkerConfig
from streams.contract.events import Reason
from streams.kafka.topics import Topics

POISON = b"POISON"
#: Small, so that a load of some thousand records is hundreds of transactions to be interrupted.
BATCH_MAX_RECORDS = 50


class CountingStep:
    """Rows: key to [number of records, sum of their offsets], with no guard of its own against repeats."""

    def __init__(self, table: ChangelogTable, dead_letters: str) -> None:
        self._table = table
        self._dead_letters = dead_letters
        self._counts: dict[bytes, list[int]] = {}
        self._dead: list[Outgoing] = []

    def fold(self, record: ConsumerRecord) -> None:
        if record.value == POISON:
            raise ZeroDivisionError("poison")
        count = self._counts.get(record.key)
        if count is None:
            raw = self._table.rows.get(record.key)
            count = self._counts[record.key] = msgspec.json.decode(raw) if raw else [0, 0]
        count[0] += 1
        count[1] += record.offset

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        self._dead.append(dead_letter_record(dead_letter_of(record, Reason.FOLD_FAILED, detail), self._dead_letters))

    def pending(self) -> bool:
        return False

    async def effects(self, next_offset: int, *, force: bool) -> Effects:
        changes = [(key, msgspec.json.encode(count)) for key, count in self._counts.items()]
        self._table.rows.update(changes)
        self._counts.clear()
        dead, self._dead = self._dead, []
        return Effects(changes, dead)

    async def tick(self, next_offset: int, *, waits: bool) -> None: ...

    def reset(self) -> None:
        self._counts.clear()

    def counters(self) -> dict[str, int]:
        return {}


def configuration(bootstrap: str, namespace: str, partitions: int, data_dir: str) -> WorkerConfig:
    return WorkerConfig(
        bootstrap=bootstrap,
        redis_url="redis://unused",
        topics=Topics(namespace),
        partitions=partitions,
        batch_max_records=BATCH_MAX_RECORDS,
        list_size=1,
        list_ttl_s=1,
        list_expires_s=1,
        allowed_lateness_s=1,
        retention_days=1,
        active_days=1,
        item_model_interval_s=1,
        item_model_budget_bytes_per_s=1,
        item_model_max_staleness_s=60,
        session_timeout_s=6,
        replay_max_skew_s=3600,
        replay_refit_growth=4.0,
        data_dir=Path(data_dir),
    )


async def main(config: WorkerConfig) -> int:
    topics = config.topics

    def new_task(source: TopicPartition) -> PartitionTask:
        changelog = topics.user_changelog if source.topic == topics.interactions else topics.item_model
        table = ChangelogTable(changelog, source.partition)
        transactional_id = topics.transactional_id(source.topic, source.partition)
        producer = PartitionProducer(config.bootstrap, transactional_id, topics.consumer_group)
        marks = CrashMarks(topics.crash_marks, source.topic, source.partition)
        return PartitionTask(source, producer, table, marks, CountingStep(table, topics.dead_letters))

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    logs = LogCheck(config.bootstrap, topics.derived_inputs)
    app = build_app(config, Ownership(config.bootstrap, topics.consumer_group, new_task, logs=logs))
    await app.start()
    await stop.wait()
    await app.stop()
    return 0


if __name__ == "__main__":
    bootstrap_, namespace_, partitions_, data_dir_ = sys.argv[1:]
    sys.exit(asyncio.run(main(configuration(bootstrap_, namespace_, int(partitions_), data_dir_))))
