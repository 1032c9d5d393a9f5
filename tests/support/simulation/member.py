"""One worker process as Faust would run it, including the ways in which it drops, keeps and overtakes records.

The real `Ownership`, `PartitionTask`, steps and list keepers run inside. What is imitated is Faust around them: the
order of "revoked", "joined" and "take over" (a take-over that is out of date is cancelled, early or late, and not
waited for), one stream buffer per partition that outlives a generation, and buffers that are emptied at random.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping

from aiokafka.structs import TopicPartition
from faust.types import TP

from agents.dead_letters import DeadLetters
from agents.delivery.commit_pace import CommitPace, at_once
from agents.delivery.crash_marks import CrashMarks
from agents.delivery.log_check import LogChanged, LogCheck, source_changed
from agents.delivery.log_watch import LogWatch
from agents.delivery.ownership import Ownership, StateBehindOffsets
from agents.delivery.partition_task import PartitionTask
from agents.delivery.process_exit import EXIT_LOG
from agents.delivery.producer import PartitionProducer
from agents.delivery.table import ChangelogTable
from agents.followers.erasures import Erasures
from agents.followers.model_watermark import RefitCheckpoints
from agents.followers.profiles import PartitionProfiles
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.items import ItemsStep, PublicationLimiter
from agents.lists.list_keeper import ListKeeper
from agents.lists.list_rights import PartitionLists, Proof, proof_of
from agents.lists.reader_watch import ReaderWatch
from agents.lists.sweep_limits import KeeperSettings, SweepLimits
from agents.training.ranker import EXAMPLES_PARTITION, RankerStep
from serving.keys import Keys
from serving.redis_clients import OneRedis
from serving.redis_writer import ListWriter
from simulation.clients import Consumer
from simulation.group import Group
from simulation.history import ITEM_PARTITIONS, LIMITS, PARTITIONS, START_MS
from simulation.kafka import Kafka
from simulation.redis import RedisClient, RedisServer
from simulation.steps import NobodyReads, RowLists, TalliedStep, tally_of_deltas, tally_of_interaction
from simulation.world import Process
from streams.contract.partitioning import partition_of
from streams.kafka.log_position import NO_EPOCH, LogNow, LogPosition, log_mismatch
from streams.kafka.record_batch import RecordBatch
from streams.kafka.topics import Topics
from tables.item_plane import ItemLimits, ItemPlane
from tables.user_plane import UserPlane

TOPICS = Topics("sim")
KEYS = Keys("sim", "v1")
GROUP = TOPICS.consumer_group
HEARTBEAT_S = 0.15
FETCH_WAIT_S = 0.15
LOOK_S = 0.3
MAX_RECORDS = 4
COMMIT_MAX_RECORDS = 5
SMALL_ROUND = 5
BUFFERED_BATCHES = 2
PUBLISH_EVERY_S = 0.3
SWEEP_LIMITS = SweepLimits(
    lists_per_tick=3, rows_per_tick=3, renewals_per_tick=2, written_position_check_ms=300, retry_ms=200
)

INPUTS = [TopicPartition(TOPICS.interactions, partition) for partition in range(PARTITIONS)]
ERASURES = [TopicPartition(TOPICS.erasure, partition) for partition in range(PARTITIONS)]
EXAMPLES = [TopicPartition(TOPICS.ranker_examples, EXAMPLES_PARTITION)]
DELTAS = [TopicPartition(TOPICS.deltas, partition) for partition in range(ITEM_PARTITIONS)]


class Member:
    """Everything that one worker process runs; `start` it inside nothing, its loop runs when the world says so."""

    def __init__(
        self,
        process: Process,
        kafka: Kafka,
        redis: RedisServer,
        group: Group,
        drop_share: Callable[[], float],
        profiles: Mapping[str, bytes],
        logs: LogCheck | None = None,
        pace: Callable[[], CommitPace] = at_once,
        overload_after_ms: int = 0,
    ) -> None:
        self.process = process
        self.generation = -1
        self.dropped: set[int] = set()  # generations in which records were dropped
        self.clock_ahead_ms = 0
        self.profiles = [PartitionProfiles() for _ in range(PARTITIONS)]
        for user, value in profiles.items():  # followed in full before anything is restored
            self.hear(user, value)
        self.ownership = Ownership("nowhere", GROUP, self._new_task, self._know_users, logs)
        self._pace = pace
        self._overload_after_ms = overload_after_ms
        self._checks_logs = logs is not None
        self._kafka = kafka
        self._redis = redis
        self._group = group
        self._drop_share = drop_share
        self._random = process.world.random
        self._streams: dict[TopicPartition, asyncio.Queue[RecordBatch]] = {}
        self._running: list[asyncio.Task[None]] = []
        self._erasures = Erasures()
        self._reading_erasures = asyncio.Lock()
        self._erasures_read = dict.fromkeys(ERASURES, 0)

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

    def hear(self, user: str, value: bytes) -> None:
        """The process learns what a user said about themselves."""
        self.profiles[partition_of(user.encode(), PARTITIONS)].put(user, value, START_MS)

    # -- tasks of the product -------------------------------------------------------------------------------------

    def _new_task(self, source: TopicPartition) -> PartitionTask:
        if source in EXAMPLES:
            return self._learning_task(source)
        is_user_plane = source.topic == TOPICS.interactions
        table = ChangelogTable(TOPICS.user_changelog if is_user_plane else TOPICS.item_model, source.partition)
        producer = PartitionProducer("nowhere", TOPICS.transactional_id(*source), GROUP)
        marks = CrashMarks(TOPICS.crash_marks, *source, COMMIT_MAX_RECORDS + SMALL_ROUND + MAX_RECORDS)
        step = self._user_step(table, proof_of(producer, table)) if is_user_plane else self._item_step(table)
        return PartitionTask(source, producer, table, marks, step)

    def _learning_task(self, source: TopicPartition) -> PartitionTask:
        table = ChangelogTable(TOPICS.ranker_weights, source.partition)
        producer = PartitionProducer("nowhere", TOPICS.transactional_id(*source), GROUP)
        step = RankerStep(table.rows, DeadLetters(TOPICS.dead_letters), lambda: self.process.world.now)
        return PartitionTask(source, producer, table, CrashMarks(TOPICS.crash_marks, *source), step)

    def _user_step(self, table: ChangelogTable, prove: Proof) -> TalliedStep:
        writer = ListWriter(OneRedis(RedisClient(self._redis)), KEYS)  # type: ignore[arg-type]
        keeper = ListKeeper(
            RowLists(KEYS),  # type: ignore[arg-type]
            PartitionLists(writer, table.owner, self._erasures.of(table.partition), prove),
            self.profiles[table.partition],
            ReaderWatch(NobodyReads(), 3650),
            self._now_ms,
            KeeperSettings(3650, 3600, SWEEP_LIMITS, self._overload_after_ms),
        )

        def new_plane() -> UserPlane:
            erased = self._erasures.of(table.partition).ends
            return UserPlane(table.partition, PARTITIONS, table.rows, LIMITS, erased)

        step = InteractionsStep(
            new_plane,
            keeper,
            OutgoingDeltas(TOPICS.deltas, table.partition, ITEM_PARTITIONS),
            DeadLetters(TOPICS.dead_letters),
            self._erasures,
            pace=self._pace(),
        )
        return TalliedStep(step, table, tally_of_interaction)

    def _item_step(self, table: ChangelogTable) -> TalliedStep:
        def new_plane() -> ItemPlane:
            return ItemPlane(table.partition, table.rows, ItemLimits())

        pacer = PublicationLimiter(lambda: PUBLISH_EVERY_S, 1_000_000, 10.0)
        refit_checkpoints = RefitCheckpoints(4.0, lambda: False)
        step = ItemsStep(
            new_plane,
            table.rows,
            pacer,
            refit_checkpoints,
            lambda: self.process.world.now,
            DeadLetters(TOPICS.dead_letters),
        )
        return TalliedStep(step, table, tally_of_deltas)

    def _now_ms(self) -> int:
        return START_MS + int(self.process.world.now * 1000) + self.clock_ahead_ms

    # -- the group, as Faust follows it ---------------------------------------------------------------------------

    async def _know_users(self, _: Collection[TopicPartition]) -> None:
        await self._read_erasures()

    async def _read_erasures(self) -> None:
        """What is asked for until now, as a follower reads it."""
        async with self._reading_erasures:
            await self._read_on()

    async def _read_on(self) -> None:
        for tp in ERASURES:
            position = self._erasures_read[tp]
            records, self._erasures_read[tp] = await self.process.call(
                ("fetch", tp), self._kafka.logs[tp].read, position, 1 << 30
            )
            for record in records:
                self._erasures.apply(record)

    async def _follow_erasures(self) -> None:
        while True:
            await self._read_erasures()
            await asyncio.sleep(FETCH_WAIT_S)

    async def _membership(self) -> None:
        group, process = self._group, self.process
        await self._read_erasures()
        self._spawn(self._follow_erasures())
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
        except (LogChanged, StateBehindOffsets) as error:
            self.process.end(error, EXIT_LOG)
        except Exception as error:  # noqa: BLE001  as the table manager does
            self.process.end(error, 70)
        owned, committed = self.ownership.positions(), self._kafka.committed
        for tp in sorted(assigned):  # records may always come twice
            self._spawn(self._fetch(tp, min(owned[TP(*tp)], committed.get(tp, 0)), generation))
        if self._checks_logs:
            self._spawn(self._watch_logs(generation))

    async def _watch_logs(self, generation: int) -> None:
        watch = LogWatch("nowhere", TOPICS, PARTITIONS, self.ownership.places)
        watch._consumer = Consumer("nowhere", isolation_level="read_committed")
        while self.generation == generation:
            await asyncio.sleep(LOOK_S)
            if (found := await watch._log_mismatch()) is not None:
                self.process.end(LogChanged(found.what), found.exit_code)

    def _check_epoch(self, tp: TopicPartition, follows: int, before: int, first: int) -> None:
        """As the batch transport does, before records of another epoch are handed over."""
        log = self._kafka.logs[tp]
        known = None if before == NO_EPOCH else log.epoch_end(before)
        if (found := log_mismatch(LogPosition(follows, leader_epoch=before), LogNow("", follows, known))) is not None:
            self.process.end(source_changed(tp, LogPosition(follows), found), EXIT_LOG)
        assert first >= follows, "aiokafka would have begun again"

    async def _fetch(self, tp: TopicPartition, position: int, generation: int) -> None:
        log, follows, epoch = self._kafka.logs[tp], position, self.ownership.tasks[tp].place.leader_epoch
        while self.generation == generation:
            limit = self._random.randint(1, MAX_RECORDS)
            records, position, epochs = await self.process.call(("fetch", tp), log.fetch, position, limit)
            if not records:
                await asyncio.sleep(FETCH_WAIT_S)
                continue
            before, epoch = epoch, epochs[-1] if self._checks_logs else NO_EPOCH
            if epoch != before:
                self._check_epoch(tp, follows, before, records[0].offset)
            batch = RecordBatch(records, generation, follows, position, epoch)
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
