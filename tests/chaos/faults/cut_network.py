"""Nothing passes between the workers and all servers until the brokers give them up; then all connections break."""

from chaos_cluster import ChaosCluster


async def begin(cluster: ChaosCluster) -> None:
    assert all(proxy.connections for proxy in cluster.proxies), "somebody found a way around the proxies"
    for proxy in cluster.proxies:
        proxy.cut()
    await cluster.group.members_are(0)


async def heal(cluster: ChaosCluster) -> None:
    for proxy in cluster.proxies:
        proxy.restore()
        await proxy.break_connections()
