"""Redis takes connections and answers nobody; events are folded all the same."""

import os
import signal

from chaos_cluster import ChaosCluster


async def begin(cluster: ChaosCluster) -> None:
    assert cluster.stack.redis_pid is not None
    os.kill(cluster.stack.redis_pid, signal.SIGSTOP)
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    assert cluster.stack.redis_pid is not None
    os.kill(cluster.stack.redis_pid, signal.SIGCONT)
