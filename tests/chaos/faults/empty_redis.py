"""Redis loses everything it holds, scripts included, between two batches."""

from chaos_cluster import ChaosCluster


async def begin(cluster: ChaosCluster) -> None:
    cluster.redis.flushall()
    cluster.redis.script_flush()


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the workers notice."""
