"""The wall clocks of both workers jump by hours, apart from each other and back. Redis keeps what it holds: lists of
either clock meet there."""

import os
import signal
from collections.abc import Awaitable, Callable

from chaos_cluster import ChaosCluster
from harness.polling import eventually
from harness.processes import WorkerProcess

AHEAD, BACK = signal.SIGUSR1, signal.SIGUSR2


async def begin(cluster: ChaosCluster) -> None:
    for first, second in ((AHEAD, BACK), (BACK, AHEAD), (BACK, AHEAD)):
        await _step(cluster.first, first)
        await _step(cluster.second, second)
        await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    await _step(cluster.first, AHEAD)
    await _step(cluster.second, BACK)


async def _step(worker: WorkerProcess, number: signal.Signals) -> None:
    before = worker.log_text.count("clock stepped")
    os.kill(worker.pid, number)
    await eventually(f"the clock of {worker.name} is stepped", _stepped(worker, before + 1))


def _stepped(worker: WorkerProcess, times: int) -> Callable[[], Awaitable[bool]]:
    async def stepped() -> bool:
        return worker.log_text.count("clock stepped") >= times

    return stepped
