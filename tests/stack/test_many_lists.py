"""One batch of two thousand users, whose lists take longer than a session: everything else goes on meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import orjson
import pytest
from harness import cluster as harness_cluster
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.traffic import catalogue

from ops.local_stack.stack import LocalStack
from streams.contract.partitioning import partition_of
from streams.kafka.producer import OutgoingRecord

pytestmark = pytest.mark.stack

WORKER = Path(harness_cluster.__file__).with_name("slow_lists_worker.py")
USERS = 2_000
TAKEN_OVER = "partitions kept"


@dataclass(frozen=True)
class OneBatch(StackConfig):
    """A worker that takes as many records at once as there are users."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {"FRESHET_BATCH_MAX_RECORDS": str(2 * USERS)}


def users_of(partition: int) -> Iterator[str]:
    names = (f"many-{number}" for number in count())
    return (user for user in names if partition_of(user.encode(), PARTITIONS) == partition)


def view(cluster: Cluster, user: str) -> OutgoingRecord:
    event = {"event_type": "view", "user_id": user, "item_id": "i1", "timestamp": time.time_ns() // 1_000_000}
    return OutgoingRecord(cluster.topics.interactions, user.encode(), orjson.dumps(event))


async def test_the_lists_of_a_large_batch_keep_nobody_else_waiting(
    stack: LocalStack, namespace: str, tmp_path: Path
) -> None:
    config = OneBatch(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    async with Cluster(config, "v1") as cluster:
        await cluster.publish(catalogue(cluster.topics.catalog))
        many = list(islice(users_of(0), USERS))
        await cluster.publish(view(cluster, user) for user in many)
        worker = WorkerProcess("slow", [str(WORKER)], config.environment("v1"), tmp_path)
        cluster.workers.add(worker)

        async def committed() -> dict[int, int]:
            cluster.workers.tend()
            return await cluster.progress.committed(cluster.topics.interactions)

        async def some_are_listed() -> bool:
            await committed()
            return any(cluster.list_bytes(user) is not None for user in many)  # whoever is first

        await eventually("the first lists of the batch are written", some_are_listed)
        generations = worker.log_text.count(TAKEN_OVER)
        for user in islice(users_of(1), 3):  # others are served while the batch is still being listed
            before = (await committed()).get(1, 0)
            await cluster.publish_one(view(cluster, user))

            async def others_go_on(before: int = before) -> bool:
                return (await committed()).get(1, 0) > before

            await eventually("another partition's event is folded and committed", others_go_on)
            assert (await committed()).get(0, 0) <= 0, "the batch was done before: this proves nothing"
        await cluster.wait_until_caught_up()
        assert worker.exits == []
        assert worker.log_text.count(TAKEN_OVER) == generations, "the group took the worker for dead"
        assert all(cluster.list_bytes(user) is not None for user in many[:: USERS // 20])
