"""kill -9 of a broker that leads partitions; the others go on, and it comes back."""

import asyncio

from chaos_cluster import ChaosCluster

#: Not the first one: clients ask that one first for everything.
NODE = 2


async def begin(cluster: ChaosCluster) -> None:
    await asyncio.to_thread(cluster.stack.stop_kafka, NODE, kill=True)
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    await asyncio.to_thread(cluster.stack.start_kafka, NODE)
