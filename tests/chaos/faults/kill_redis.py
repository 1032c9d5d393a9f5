"""kill -9 of Redis: events are folded without it, and it comes back empty."""

import asyncio

from chaos_cluster import ChaosCluster


async def begin(cluster: ChaosCluster) -> None:
    await asyncio.to_thread(cluster.stack.stop_redis, kill=True)
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    await asyncio.to_thread(cluster.stack.start_redis)
