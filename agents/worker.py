"""One worker process, put together: followers first, then the group, then the lists that belong to nobody."""

import asyncio
import logging
import signal
import time

import faust
from aiokafka.structs import TopicPartition

from agents.admission import admit
from agents.alignment_watch import AlignmentWatch
from agents.app import build_app
from agents.backlog import Backlog
from agents.controls import Controls
from agents.dead_letters import DeadLetters
from agents.delivery.ownership import Ownership
from agents.delivery.partition_task import PartitionTask
from agents.delivery.process_exit import EXIT_UNEXPECTED, end_within
from agents.delivery.producer import PartitionProducer
from agents.delivery.quarantine import CrashMarks
from agents.delivery.step import Gate, OpenGate, Step
from agents.delivery.store import MemoryStores, RocksStores, Stores
from agents.delivery.table import ChangelogTable
from agents.erasures import Erasures
from agents.examples import Examples
from agents.follower import Follower
from agents.heartbeat import Heartbeat
from agents.index_check import IndexCheck
from agents.interactions import InteractionsStep, Tally
from agents.item_follower import ItemFollower
from agents.items import ItemsStep, PublishPacer
from agents.judge import Judge, JudgeSettings
from agents.list_keeper import ListKeeper
from agents.list_maker import ListMaker
from agents.live_pointer import LivePointerKeeper
from agents.live_quality import LiveQuality
from agents.profiles import Profiles
from agents.ranker import RankerStep
from agents.reader_watch import ReaderWatch
from agents.retention.archive_feed import ArchiveFeed
from agents.shared_lists import SharedLists
from agents.standing import Standing
from agents.vector_fits import FITTING_PARTITION, VectorFits
from agents.worker_config import WorkerConfig
from ranking.learner import load_river
from serving.keys import Keys
from serving.redis_writer import ListWriter
from streams.units import DAY_MS, SECOND_MS
from tables.item_plane import ItemLimits, ItemPlane
from tables.user_plane import FoldLimits, UserPlane

logger = logging.getLogger(__name__)

#: How often items publish while their version catches up; also what is learned again after a crash.
CATCH_UP_INTERVAL_S = 60.0
#: A worker ends in less than a second; with brokers that do not answer it would try for ever.
SHUTDOWN_GRACE_S = 15.0


def now_ms() -> int:
    """The wall clock, ms since the epoch. Only the edges of the system read it."""
    return time.time_ns() // 1_000_000


class Worker:
    """Everything one process runs. Make it inside the running event loop."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        rocksdb = config.state_store == "rocksdb"
        self._stores: Stores = RocksStores(config.data_dir / "tables") if rocksdb else MemoryStores()
        self._keys = Keys(config.topics.namespace, config.topics.version)
        self._writer = ListWriter.connect(config.redis_url, self._keys)
        topics, identities = config.topics, config.identities
        self._controls, self._standing = Controls(topics.version), Standing(topics.version)
        self.ownership = Ownership(config.bootstrap, config.topics.consumer_group, self._new_task)
        self._backlog = Backlog(config, self.ownership, lambda: self._standing.serves, lambda: self._controls.paused)
        self._follower = ItemFollower(config.bootstrap, topics, config.partitions, self._backlog.frontier_ms)
        self._erasures = Erasures(identities)
        self._profiles = Profiles(config.partitions, identities)
        self._tally = Tally()
        self._orders = Follower(
            config.bootstrap,
            {
                topics.controls: self._controls.apply,
                topics.erasure: self._erasures.apply,
                topics.profiles: self._profiles.apply,
                topics.versions: self._standing.apply,
            },
        )
        self._dead_letters = DeadLetters(topics.dead_letters, topics.crash_marks, self._standing.answers_for)
        self._maker = ListMaker(
            self._follower,
            self._keys,
            config.topics.version,
            config.list_size,
            config.list_expires_s * SECOND_MS,
            config.rerank,
        )
        self._shared = SharedLists(
            self._maker, self._writer, self._keys, self._item_partitions_to_list, config.partitions
        )
        self._archive = ArchiveFeed(
            topics.interactions, config.storage_url, topics.namespace, config.data_dir / "archive"
        )
        self._fits = VectorFits(
            self._follower.model, self._item_partitions, self._follower.epochs, self._backlog.points
        )
        self._backlog.follow(self._follower.epochs, self._fits)
        self._index_check = IndexCheck(self._follower.model)
        self._app: faust.App = build_app(config, self.ownership, self._backlog.not_to_read, self._archive)

    async def run(self, stop: asyncio.Event) -> int:
        """Works until `stop` is set or the version is retired; returns the exit code."""
        await self._orders.start()  # before any restore: who is erased is never folded, nor listed against their word
        await self._follower.start()
        if self._standing.reads_archive:
            await self._archive.open()
        heartbeat = Heartbeat(self._writer, self._keys, self.ownership, self._counters)
        pointer = LivePointerKeeper(self._writer, self._keys, lambda: self._standing.registry.current)
        loops = (
            self._shared.run(lambda: self._backlog.model_ms(now_ms())),
            heartbeat.run(),
            pointer.run(),
            self._fits.run(now_ms, time.monotonic),
            self._index_check.run(),
            AlignmentWatch(
                self._config.bootstrap,
                self._config.topics,
                self._backlog,
                lambda: self._standing.reads_archive,
                self._follower.has_read,
            ).run(),
        )
        helpers = [asyncio.create_task(loop) for loop in loops]
        await self._app.start()
        logger.info("worker ready: group %s", self._config.topics.consumer_group)
        ends = [asyncio.create_task(end()) for end in (stop.wait, self._standing.retired.wait, self._app._crashed.wait)]
        await asyncio.wait([*ends, *helpers], return_when=asyncio.FIRST_COMPLETED)
        failed = next((task for task in helpers if task.done()), None)
        for task in (*ends, *helpers):
            task.cancel()
        await self._app.stop()
        await self._follower.stop()
        await self._orders.stop()
        await self._writer.close()
        if failed is not None:
            logger.critical("a background task ended: %r", failed.exception())
        return 0 if stop.is_set() or self._standing.retired.is_set() else EXIT_UNEXPECTED

    # -- one partition --------------------------------------------------------------------------------------------

    def _new_task(self, source: TopicPartition) -> PartitionTask:
        config, topics = self._config, self._config.topics
        new_step, changelog = {
            topics.interactions: (self._user_step, topics.user_changelog),
            topics.deltas: (self._item_step, topics.item_model),
            topics.ranker_examples: (self._ranker_step, topics.ranker_weights),
        }[source.topic]
        table = ChangelogTable(changelog, source.partition, self._stores)
        producer = PartitionProducer(
            config.bootstrap, topics.transactional_id(source.topic, source.partition), topics.consumer_group
        )
        marks = CrashMarks(topics.crash_marks, source.topic, source.partition)
        step = new_step(table)
        gate: Gate = OpenGate()
        if isinstance(step, InteractionsStep):
            gate = self._backlog.turn_of(source.partition, lambda: step.plane.highest_ms)
        return PartitionTask(source, producer, table, marks, step, gate)

    def _user_step(self, table: ChangelogTable) -> Step:
        config, topics = self._config, self._config.topics
        limits = FoldLimits(
            allowed_lateness_ms=config.allowed_lateness_s * SECOND_MS, retention_ms=config.retention_days * DAY_MS
        )
        partition = table.partition
        profiles = self._profiles.of(partition)
        readers = ReaderWatch(self._writer.reader_marks(partition), config.active_days)
        keeper = ListKeeper(
            partition,
            self._maker,
            self._writer,
            profiles,
            readers,
            now_ms,
            config.active_days,
            config.list_ttl_s,
            catch_up=self._backlog.catch_up_of(partition),
        )
        return InteractionsStep(
            lambda: UserPlane(
                partition, config.partitions, table.rows, limits, self._erasures.of(partition).ends, config.identities
            ),
            keeper,
            partition,
            config.partitions,
            topics.deltas,
            self._dead_letters,
            self._erasures,
            LiveQuality(keeper.shown, self._follower.model),
            Examples(self._follower, profiles, config.list_size, topics.ranker_examples, self._backlog.knew_ms),
            Judge(
                self._follower,
                keeper.at_hand,
                profiles,
                JudgeSettings(config.judged_share, config.list_size, config.rerank),
                topics,
                partition,
                self._standing.answers_for,
                self._backlog.knew_ms,
            ),
            self._tally,
        )

    def _item_step(self, table: ChangelogTable) -> Step:
        config = self._config
        pacer = PublishPacer(self._publish_interval_s, config.item_model_budget_bytes_per_s)
        return ItemsStep(
            lambda: ItemPlane(table.partition, table.rows, ItemLimits()),
            table.rows,
            pacer,
            self._backlog.points,
            time.monotonic,
            self._dead_letters,
            self._fits if table.partition == FITTING_PARTITION else None,
        )

    def _ranker_step(self, table: ChangelogTable) -> Step:
        asyncio.get_running_loop().run_in_executor(None, load_river)  # should it fail, so does the first example
        return RankerStep(lambda: table.rows, self._dead_letters)

    def _publish_interval_s(self) -> float:
        """What items have learned is needed by lists: far behind the head there are none, and more is coalesced."""
        return CATCH_UP_INTERVAL_S if self._backlog.far else self._config.item_model_interval_s

    def _item_partitions(self) -> set[int]:
        """The owned ones."""
        return {tp.partition for tp in self.ownership.tasks if tp.topic == self._config.topics.deltas}

    def _item_partitions_to_list(self) -> set[int]:
        """The owned ones, unless the lists that belong to nobody would be out of date at once."""
        return set() if self._backlog.unsettled else self._item_partitions()

    def _counters(self) -> dict[str, int]:
        """Of this process since it began, for its sign of life."""
        steps = [task.step for task in self.ownership.tasks.values() if isinstance(task.step, InteractionsStep)]
        return {
            "cpu_ms": time.process_time_ns() // 1_000_000,
            "events_folded": self._tally.folded,
            "lists_kept": sum(step.lists.kept for step in steps),
            "lists_written": sum(step.lists.lists_written for step in steps),
            "next_items_judged": sum(step.quality.judged for step in steps if step.quality),
            "next_items_in_top_10": sum(step.quality.hits_at_10 for step in steps if step.quality),
            "vector_searches_checked": self._index_check.checked,
            "vector_recall_permille": self._index_check.recall_permille,
        }


async def run_worker(config: WorkerConfig) -> int:
    """Runs one worker until SIGTERM or SIGINT; returns the process's exit code.

    A worker that has not ended `SHUTDOWN_GRACE_S` after the signal is ended with `EXIT_UNEXPECTED`.

    Raises:
        agents.admission.NotAdmitted: this worker must not join its version.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        end_within(SHUTDOWN_GRACE_S, "shutdown")

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await admit(config)
    return await Worker(config).run(stop)
