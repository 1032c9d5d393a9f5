"""SIGSTOP of a worker inside a transaction until its session is over and its heir works; then it wakes up."""

import asyncio

from chaos_cluster import ChaosCluster

from streams.bulk_read import bulk_consumer, partitions_of

ATTEMPTS = 100
#: A transaction of a worker that runs is over long before this.
STAYS_OPEN_S = 0.5
PAUSE_S = 0.05


async def begin(cluster: ChaosCluster) -> None:
    for _ in range(ATTEMPTS):
        cluster.first.freeze()
        if await _transaction_stays_open(cluster):
            break
        cluster.first.thaw()
        await asyncio.sleep(PAUSE_S)
    else:
        raise AssertionError(f"no batch was in flight in {ATTEMPTS} attempts")
    await cluster.group.members_are(1)
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    cluster.first.thaw()


async def _transaction_stays_open(cluster: ChaosCluster) -> bool:
    changelog = cluster.topics.user_changelog
    async with bulk_consumer(cluster.place.bootstrap) as consumer:
        partitions = await partitions_of(consumer, [changelog])
        ends = await cluster.progress.ends(changelog)
        open_ = {tp for tp, stable in (await consumer.end_offsets(partitions)).items() if stable < ends[tp.partition]}
        if open_:
            await asyncio.sleep(STAYS_OPEN_S)
            stable = await consumer.end_offsets(list(open_))
            open_ = {tp for tp in open_ if stable[tp] < ends[tp.partition]}
    return bool(open_)
