"""Every byte between workers and servers takes longer, there and back."""

from chaos_cluster import ChaosCluster

DELAY_S = 0.05


async def begin(cluster: ChaosCluster) -> None:
    for proxy in cluster.proxies:
        proxy.delay_s = DELAY_S
    await cluster.group.all_partitions_move()
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    for proxy in cluster.proxies:
        proxy.delay_s = 0.0
