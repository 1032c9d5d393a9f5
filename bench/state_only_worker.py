"""A `freshet worker` that writes no list: the same process and delivery, to measure what state alone costs.

State is rows, counts, buckets and neighbours with their changelogs, of both planes. The product has no such switch;
here the parts that make lists, the followed item model among them, are replaced by ones that do nothing.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace

from aiokafka import TopicPartition

from agents.delivery.step import BackPressure, PartitionStep
from agents.delivery.table import ChangelogTable
from agents.interactions import InteractionsStep
from agents.lists.failed_lists import FailedLists
from agents.lists.list_rights import Proof
from agents.observers import Observers
from agents.partitions import Partitions
from agents.worker import Worker
from agents.worker_config import WorkerConfig
from ops.configuration.settings_sources import load_settings
from ops.processes import worker_process
from ranking.ranker import Ranker
from streams.kafka.log_position import LogPosition
from tables.item_model import ItemModel
from tables.user_plane import UserPlane


class NoLists:
    """In the place of a partition's list keeper."""

    lists_written = 0
    kept = 0
    coalesced = 0
    lists_failed = 0
    failed = FailedLists()
    overload = SimpleNamespace(began=0)
    maintenance = SimpleNamespace(lost=0, remade=0)

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None:
        """Writes nothing."""

    async def sweep(self, plane: UserPlane, next_offset: int, *, waits: bool = False) -> None:
        """Writes nothing."""

    async def forget(self, users: Collection[str]) -> bool:
        """There is nothing to remove."""
        return True

    async def forget_idle(self, last_offsets: Mapping[str, int]) -> bool:
        """There is nothing to remove."""
        return True


class NoSharedLists:
    """In the place of the loop that writes lists that belong to nobody."""

    async def run(self, now_ms: Callable[[], int]) -> None:
        """Does nothing until cancelled."""
        await asyncio.Event().wait()


class NoFollower:
    """In the place of the follower of the item model, which only lists are made from."""

    def __init__(self) -> None:
        self.model = ItemModel()
        self.ranker = Ranker.start()

    async def start(self) -> None:
        """Reads nothing."""

    async def has_read(self, ends: Mapping[TopicPartition, int]) -> bool:
        """There is nothing to read."""
        return True

    def places(self) -> dict[TopicPartition, LogPosition]:
        """Nothing is followed."""
        return {}

    async def stop(self) -> None:
        """There is nothing to stop."""


class StateOnlyPartitions(Partitions):
    """Users without lists, and without anything that looks at them."""

    def user_step(self, table: ChangelogTable, prove: Proof) -> tuple[PartitionStep, BackPressure]:
        """As always, but for what makes lists."""
        step, gate = super().user_step(table, prove)
        assert isinstance(step, InteractionsStep)
        step.lists, step.observers = NoLists(), Observers(tally=self.shared.tally)  # type: ignore[assignment]
        return step, gate


class StateOnlyWorker(Worker):
    """Folds and keeps state like any worker."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config)
        self._shared_lists = NoSharedLists()  # type: ignore[assignment]
        self._partitions = StateOnlyPartitions(self._partitions.shared)
        self._followed.items = NoFollower()  # type: ignore[assignment]


async def run_state_only_worker(config: WorkerConfig, *_observers: object) -> int:
    """Works until SIGTERM; returns the exit code. Nobody observes it."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return await StateOnlyWorker(config).run(stop)


if __name__ == "__main__":
    worker_process.run_worker = run_state_only_worker
    sys.exit(worker_process.run(load_settings()))
