"""Workers that are stopped in the middle of what must not be done twice."""

import asyncio

from harness.cluster import Cluster
from harness.polling import eventually
from harness.processes import WorkerProcess
from streams.kafka.bulk_read import bulk_consumer, partitions_of

ATTEMPTS = 100
#: A transaction of a worker that runs is over long before this.
STAYS_OPEN_S = 0.5
PAUSE_S = 0.05


async def freeze_in_a_transaction(cluster: Cluster, worker: WorkerProcess) -> None:
    """SIGSTOP while a transaction of the worker is open; needs a load."""
    for _ in range(ATTEMPTS):
        worker.freeze()
        if await _transaction_stays_open(cluster):
            return
        worker.thaw()
        await asyncio.sleep(PAUSE_S)
    raise AssertionError(f"no batch was in flight in {ATTEMPTS} attempts")


async def ends(cluster: Cluster, worker: WorkerProcess, times: int = 1) -> None:
    """Waits until a worker ended by itself that often since its exits were cleared; it is restarted each time."""

    async def ended() -> bool:
        cluster.workers.tend()
        return len(worker.exits) >= times

    await eventually(f"{worker.name} ends", ended)


async def _transaction_stays_open(cluster: Cluster) -> bool:
    changelog = cluster.topics.user_changelog
    async with bulk_consumer(cluster.place.bootstrap) as consumer:
        partitions = await partitions_of(consumer, [changelog])
        log_ends = await cluster.progress.ends(changelog)
        stable = await consumer.end_offsets(partitions)
        open_ = {tp for tp in partitions if stable[tp] < log_ends[tp.partition]}
        if open_:
            await asyncio.sleep(STAYS_OPEN_S)
            stable = await consumer.end_offsets(list(open_))
            open_ = {tp for tp in open_ if stable[tp] < log_ends[tp.partition]}
    return bool(open_)
