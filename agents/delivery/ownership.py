"""Which partitions this process owns: fence, then restore, then consume."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

from aiokafka.structs import TopicPartition
from faust.types import TP

from agents.delivery.log_check import LogCheck
from agents.delivery.partition_task import PartitionTask
from agents.delivery.restore import restore
from agents.delivery.table import POSITION_KEY
from agents.instruments import RestoreTimes
from streams.kafka import clients
from streams.kafka.log_position import LogPosition

logger = logging.getLogger(__name__)

TaskFactory = Callable[[TopicPartition], PartitionTask]


async def at_once(_owned: Collection[TopicPartition]) -> None:
    """Waits for nothing."""


class StateBehindOffsets(RuntimeError):
    """The group committed more input than the changelog contains: rows were lost (topic deleted or truncated)."""


class Ownership:
    """The partition tasks of this process, kept in step with the consumer group.

    A partition that stays with this process from one generation to the very next keeps its producer and its rows. If
    a generation was missed, another process may have owned it in between, so everything is fenced and restored anew.

    `informed` is told which partitions this process is going to own, those that it kept among them, and returns when it
    knows everything that the owners before it were told: who is erased, for restored rows say that it was carried out,
    and whoever does not know of it would fold what they left out; and what users said about themselves, for nobody's
    list may be made without it.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        new_task: TaskFactory,
        informed: Callable[[Collection[TopicPartition]], Awaitable[None]] = at_once,
        logs: LogCheck | None = None,
    ) -> None:
        self._logs = logs
        self._bootstrap = bootstrap
        self._group = group
        self._new_task = new_task
        self._informed = informed
        self._tasks: dict[TopicPartition, PartitionTask] = {}
        self._generation = -1
        self._turn = asyncio.Lock()  # of first batches
        self.times = RestoreTimes()

    @property
    def has_joined(self) -> bool:
        """Whether the group ever said what this process owns."""
        return self._generation >= 0

    @property
    def tasks(self) -> dict[TopicPartition, PartitionTask]:
        """The owned partitions' tasks, by input partition."""
        return self._tasks

    def positions(self) -> dict[TP, int]:
        """Where each owned partition goes on, in Faust's terms."""
        return {tp: place.offset for tp, place in self.places().items()}

    def places(self) -> dict[TP, LogPosition]:
        """Where each owned partition goes on, and in which log, in Faust's terms."""
        return {TP(tp.topic, tp.partition): task.place for tp, task in self._tasks.items()}

    def owned(self, topic: str) -> set[int]:
        """The owned partitions of a topic."""
        return {tp.partition for tp in self._tasks if tp.topic == topic}

    def notes(self, topic: str) -> dict[int, str]:
        """What each owned partition of a topic noted with its last commit."""
        return {tp.partition: task.noted for tp, task in self._tasks.items() if tp.topic == topic}

    async def suspend(self) -> None:
        """The group is rebalancing: every task finishes and commits what it has in hand and accepts nothing more."""
        await asyncio.gather(*(task.suspend() for task in self._tasks.values()))

    async def take_over(self, assigned: Iterable[TopicPartition], generation: int) -> None:
        """Makes this process the owner of exactly `assigned`. Safe to cancel: then it owns only what it kept.

        Raises:
            StateBehindOffsets: a changelog ends before the offset that the group committed.
            LogChanged: a log is not the one that the rows are of.
        """
        wanted = set(assigned)
        consecutive = generation == self._generation + 1
        kept = wanted & set(self._tasks) if consecutive else set()
        await self._close(set(self._tasks) - kept)
        self.times.since_s = began_s = time.monotonic()
        try:
            await self._open(wanted - kept, wanted)
        finally:
            self.times.since_s, self.times.ended_s = None, time.monotonic()
        if wanted - kept:
            self.times.taken.observe(time.monotonic() - began_s)
        self._generation = generation
        for task in self._tasks.values():
            task.resume(generation)
        logger.info("generation %d: %d partitions kept, %d restored", generation, len(kept), len(wanted - kept))

    async def close(self) -> None:
        """Gives every partition away: commits what is folded, then stops the producers."""
        await self.suspend()
        await self._close(set(self._tasks))

    async def _open(self, partitions: set[TopicPartition], wanted: set[TopicPartition]) -> None:
        await self._informed(wanted)  # whoever keeps lists begins with whom there is
        tasks = {tp: self._new_task(tp) for tp in sorted(partitions)}
        try:
            await asyncio.gather(*(task.producer.fence() for task in tasks.values()))
            tables = [table for task in tasks.values() for table in (task.table, task.marks.table)]
            # Offsets first: a newer owner may fence this process and commit at any time, rows before offsets.
            committed = await self._committed(list(tasks))
            await restore(self._bootstrap, tables)
            self._check_positions(tasks, committed)
            await self._informed(wanted)  # of what was said until now: the former owners were told
            moved = await self._logs.check({tp: task.table for tp, task in tasks.items()}) if self._logs else set()
            await asyncio.gather(*(task.claim(moved=tp in moved) for tp, task in tasks.items()))
        except BaseException:
            await asyncio.gather(*(task.close() for task in tasks.values()), return_exceptions=True)
            raise
        for tp, task in tasks.items():
            task.start(self._turn)
            self._tasks[tp] = task

    async def _committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        admin = clients.admin(self._bootstrap)
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(self._group, partitions=partitions)
        finally:
            await admin.close()
        return {tp: found.offset for tp, found in committed.items()}

    def _check_positions(
        self, tasks: dict[TopicPartition, PartitionTask], committed: dict[TopicPartition, int]
    ) -> None:
        for tp, task in tasks.items():
            offset = committed.get(tp, -1)
            if POSITION_KEY in task.table.doubts and not task.table.has_position:
                # Somebody's record stands in its place. Rows, position and this offset were one transaction.
                task.table.next_offset = max(0, offset)
            if offset > task.table.next_offset:
                raise StateBehindOffsets(
                    f"{tp.topic}:{tp.partition}: the group {self._group} committed offset {offset}, but the changelog "
                    f"{task.table.topic} contains only what precedes {task.table.next_offset}. Its rows were lost; "
                    "rebuild them by a replay under a new model version."
                )

    async def _close(self, partitions: set[TopicPartition]) -> None:
        closing = [self._tasks.pop(tp) for tp in partitions]
        for task in closing:
            task.hand_counts_over()
        await asyncio.gather(*(task.close() for task in closing))
