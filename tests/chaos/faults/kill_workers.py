"""kill -9 of one worker in mid-load, and of the other one once the first is back."""

import os
import signal

from chaos_cluster import ChaosCluster


async def begin(cluster: ChaosCluster) -> None:
    for worker in (cluster.first, cluster.second):
        os.kill(worker.pid, signal.SIGKILL)
        await cluster.ends(worker)
        await cluster.group.members_are(2)
        await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the supervisor did it."""
