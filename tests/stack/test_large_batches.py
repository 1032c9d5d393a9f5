"""Batches over a catalogue of long ids say more than a broker takes in one record, and are told all the same."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.cluster import PARTITIONS, Cluster, StackConfig

from ops.local_stack.stack import LocalStack
from streams.contract.codec import dumps
from streams.contract.partitioning import partition_of
from streams.contract.units import HOUR_MS
from streams.kafka.producer import OutgoingRecord
from tables.item_rows import COUNTS
from tables.item_rows import COUNTS_CODEC as CODEC

pytestmark = pytest.mark.stack

USERS = [user for number in range(4_000) if partition_of((user := f"u{number}").encode(), PARTITIONS) == 0][:300]
ROUNDS = 34
ID_CHARS = 120


@dataclass(frozen=True)
class LargeBatches(StackConfig):
    """Workers that fold whatever one fetch brings."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {"FRESHET_BATCH_MAX_RECORDS": "10000"}


def events(topic: str) -> Iterator[OutgoingRecord]:
    """Each user meets another item every hour."""
    generator, now_ms = random.Random(1), time.time_ns() // 1_000_000
    for past in range(ROUNDS, 0, -1):
        for user in USERS:
            item = "".join(chr(generator.randrange(0x4E00, 0x9FFF)) for _ in range(ID_CHARS))
            event = {"user_id": user, "item_id": item, "event_type": "view", "timestamp": now_ms - past * HOUR_MS}
            yield OutgoingRecord(topic, user.encode(), dumps(event))


async def test_large_batches_are_told_to_items(stack: LocalStack, namespace: str, tmp_path: Path) -> None:
    """That they say what small ones say is an invariant in tests/tables/test_delta_records.py."""
    async with Cluster(LargeBatches(stack.bootstrap, stack.redis_url, namespace, tmp_path), "v1") as cluster:
        await cluster.publish(events(cluster.topics.interactions))
        worker = cluster.start_worker("worker")
        await cluster.group.caught_up([cluster.topics.interactions, cluster.topics.deltas], timeout_s=270)
        await cluster.wait_until_caught_up()
        assert worker.exits == [], worker.log_text
        counts = [CODEC.decode(value) for (_, key), value in (await cluster.item_counts()).items() if key[:1] == COUNTS]
        assert [(row.events, row.visits) for row in counts] == [(1, 1)] * (len(USERS) * ROUNDS)
