"""The disk under a worker's RocksDB is full: no file of it may grow (RLIMIT_FSIZE), not even its own log."""

import resource

from chaos_cluster import ChaosCluster

LIMIT_BYTES = 4096


async def begin(cluster: ChaosCluster) -> None:
    worker = cluster.second
    _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    await cluster.ends(worker)
    assert worker.exits[0] > 0, f"it ended with {worker.exits[0]}"


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the supervisor's next one has no limit."""
