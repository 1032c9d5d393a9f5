"""One worker process as Faust would run it, including the ways in which it drops, keeps and overtakes records.

The real `Ownership`, `PartitionTask`, steps and list keepers run inside. What is imitated is Faust around them: the
order of "revoked", "joined" and "take over" (a take-over that is out of date is cancelled, early or late, and not
waited for), one stream buffer per partition that outlives a generation, and buffers that are emptied at random.
"""

import asyncio
from collections.abc import Callable

from aiokafka.structs import TopicPartition
from faust.types import TP

from agents.dead_letters import DeadLetters
from agents.delivery.ownership import Ownership
from agents.delivery.partition_task import PartitionTask
from agents.delivery.producer import PartitionProducer
from agents.delivery.quarantine import CrashMarks
from agents.delivery.table import ChangelogTable
from agents.epochs import Points
from agents.erasures import Erasures
from agents.interactions import InteractionsStep
from agents.items import ItemsStep, PublishPacer
from agents.list_keeper import ListKeeper
from agents.profiles import PartitionProfiles
from agents.reader_watch import ReaderWatch
from agents.sweep_pace import Pace
from serving.keys import Keys
from serving.redis_writer import ListWriter
from simulation.group import Group
from simulation.history import ITEM_PARTITIONS, LIMITS, PARTITIONS, START_MS
from simulation.kafka import Kafka
from simulation.redis import RedisClient, RedisServer
from simulation.steps import NobodyReads, RowLists, TalliedStep, tally_of_deltas, tally_of_interaction
from simulation.world import Process
from streams.record_batch import RecordBatch
from streams.topics import Topics
from tables.item_plane import ItemLimits, ItemPlane
from tables.user_plane import UserPlane

TOPICS = Topics("sim")
KEYS = Keys("sim", "v1")
GROUP = TOPICS.consumer_group
HEARTBEAT_S = 0.15
FETCH_WAIT_S = 0.15
MAX_RECORDS = 4
BUFFERED_BATCHES = 2
PUBLISH_EVERY_S = 0.3
PACE = Pace(lists_per_tick=3, rows_per_tick=3, renewals_per_tick=2, marker_check_ms=300, retry_ms=200)

INPUTS = [TopicPartition(TOPICS.interactions, partition) for partition in range(PARTITIONS)]
DELTAS = [TopicPartition(TOPICS.deltas, partition) for partition in range(ITEM_PARTITIONS)]


class Member:
    """Everything that one worker process runs; `start` it inside nothing, its loop runs when the world says so."""

    def __init__(
        self, process: Process, kafka: Kafka, redis: RedisServer, group: Group, drop_share: Callable[[], float]
    ) -> None:
        self.process = process
        self.generation = -1
        self.dropped: set[int] = set()  # generations in which records were dropped
        self.ownership = Ownership("nowhere", GROUP, self._new_task)
        self._kafka = kafka
        self._redis = redis
        self._group = group
        self._drop_share = drop_share
        self._random = process.world.random
        self._streams: dict[TopicPartition, asyncio.Queue[RecordBatch]] = {}
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The process begins."""
        self.process.loop.call_soon(self._begin)
        self.process.run_ready()

    def _begin(self) -> None:
        self._spawn(self._membership())

    def _spawn(self, coroutine: object) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = self.process.loop.create_task(coroutine)  # type: ignore[arg-type]
        self._running.append(task)
        return task

    # -- tasks of the product -------------------------------------------------------------------------------------

    def _new_task(self, source: TopicPartition) -> PartitionTask:
        is_user_plane = source.topic == TOPICS.interactions
        table = ChangelogTable(TOPICS.user_changelog if is_user_plane else TOPICS.item_model, source.partition)
        producer = PartitionProducer("nowhere", TOPICS.transactional_id(*source), GROUP)
        marks = CrashMarks(TOPICS.crash_marks, *source)
        step = self._user_step(table) if is_user_plane else self._item_step(table)
        return PartitionTask(source, producer, table, marks, step)

    def _user_step(self, table: ChangelogTable) -> TalliedStep:
        writer = ListWriter(RedisClient(self._redis), KEYS)  # type: ignore[arg-type]
        keeper = ListKeeper(
            table.partition,
            RowLists(KEYS),  # type: ignore[arg-type]
            writer,
            PartitionProfiles(),
            ReaderWatch(NobodyReads(), 3650),
            self._now_ms,
            3650,
            3600,
            PACE,
        )

        def new_plane() -> UserPlane:
            return UserPlane(table.partition, PARTITIONS, table.rows, LIMITS, {})

        step = InteractionsStep(
            new_plane,
            keeper,
            table.partition,
            ITEM_PARTITIONS,
            TOPICS.deltas,
            DeadLetters(TOPICS.dead_letters),
            Erasures(),
        )
        return TalliedStep(step, table, tally_of_interaction)

    def _item_step(self, table: ChangelogTable) -> TalliedStep:
        def new_plane() -> ItemPlane:
            return ItemPlane(table.partition, table.rows, ItemLimits())

        pacer = PublishPacer(lambda: PUBLISH_EVERY_S, 1_000_000)
        points = Points(4.0, lambda: False)
        step = ItemsStep(
            new_plane, table.rows, pacer, points, lambda: self.process.world.now, DeadLetters(TOPICS.dead_letters)
        )
        return TalliedStep(step, table, tally_of_deltas)

    def _now_ms(self) -> int:
        return START_MS + int(self.process.world.now * 1000)

    # -- the group, as Faust follows it ---------------------------------------------------------------------------

    async def _membership(self) -> None:
        group, process = self._group, self.process
        takeover: asyncio.Task[None] | None = None
        while True:
            generation, assigned = await process.call("group", group.join, process)
            if takeover is not None:
                takeover.cancel()
            self.generation = generation
            takeover = self._spawn(self._take_over(assigned, generation))
            while not await process.call("group", group.heartbeat, process, generation):
                await process.pause(HEARTBEAT_S)
            if self._random.random() < 0.5:
                takeover.cancel()
            self._empty_buffers(generation)
            await self.ownership.suspend()

    def _empty_buffers(self, generation: int) -> None:
        for stream in self._streams.values():
            while not stream.empty() and self._random.random() < 0.5:
                stream.get_nowait()
                self.dropped.add(generation)

    async def _take_over(self, assigned: frozenset[TopicPartition], generation: int) -> None:
        try:
            await self.ownership.take_over(sorted(assigned), generation)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  as the table manager does
            self.process.end(error, 70)
        owned, committed = self.ownership.positions(), self._kafka.committed
        for tp in sorted(assigned):  # records may always come twice
            self._spawn(self._fetch(tp, min(owned[TP(*tp)], committed.get(tp, 0)), generation))

    async def _fetch(self, tp: TopicPartition, position: int, generation: int) -> None:
        log, follows = self._kafka.logs[tp], position
        while self.generation == generation:
            limit = self._random.randint(1, MAX_RECORDS)
            records, position = await self.process.call(("fetch", tp), log.read, position, limit)
            if not records:
                await asyncio.sleep(FETCH_WAIT_S)
                continue
            batch = RecordBatch(records, generation, follows, position)
            follows = position
            drop_share = self._drop_share()
            if drop_share and self._random.random() < drop_share:
                self.dropped.add(generation)
            else:
                await self._stream(tp).put(batch)

    def _stream(self, tp: TopicPartition) -> asyncio.Queue[RecordBatch]:
        stream = self._streams.get(tp)
        if stream is None:
            stream = self._streams[tp] = asyncio.Queue(BUFFERED_BATCHES)
            self._spawn(self._agent(tp, stream))
        return stream

    async def _agent(self, tp: TopicPartition, stream: asyncio.Queue[RecordBatch]) -> None:
        while True:
            batch = await stream.get()
            task = self.ownership.tasks.get(tp)
            if task is not None:
                await task.submit(batch)
