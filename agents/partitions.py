"""The tasks of owned partitions, put together: a table, a producer, and the step of the topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiokafka.structs import TopicPartition

from agents.dead_letters import DeadLetters
from agents.delivery.commit_pace import CommitPace
from agents.delivery.crash_marks import CrashMarks
from agents.delivery.partition_task import PartitionTask
from agents.delivery.producer import PartitionProducer
from agents.delivery.step import BackPressure, NoBackPressure, PartitionStep
from agents.delivery.store import Stores
from agents.delivery.table import ChangelogTable
from agents.evaluation.live_quality import LiveQuality
from agents.evaluation.prequential import PrequentialEvaluator, PrequentialSettings
from agents.followed import Followed
from agents.followers.model_watermark import RefitCheckpoints
from agents.guests import Guests
from agents.instruments import PlaneTimes
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.items import ItemsStep, PublicationLimiter
from agents.lists.list_keeper import ListKeeper
from agents.lists.list_maintenance import MaintenanceBudgets
from agents.lists.list_maker import ListMaker
from agents.lists.list_rights import PartitionLists, Proof, proof_of
from agents.lists.reader_watch import ReaderWatch
from agents.lists.sweep_limits import KeeperSettings
from agents.observers import Observers, Tally
from agents.replay.coordinator import ReplayCoordinator
from agents.replay.point_in_time import PointInTime
from agents.training.examples import Examples
from agents.training.ranker import RankerStep
from agents.training.vector_fits import FITTING_PARTITION, VectorFits
from agents.worker_config import WorkerConfig
from ranking.learner import load_river
from ranking.ranker import Ranker
from serving.redis_writer import ListWriter
from streams.contract.units import DAY_MS, SECOND_MS
from tables.item_plane import ItemLimits, ItemPlane
from tables.stored_rows import ANY_ROWS, ITEM_ROWS, USER_ROWS
from tables.user_plane import FoldLimits, Linked, UserPlane

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

#: How often items publish while their version catches up; also what is learned again after a crash.
CATCH_UP_INTERVAL_S = 60.0


@dataclass(frozen=True)
class SharedParts:
    """What the partitions of a process share. `now_ms` is the wall clock, `tally` counts what they fold,
    `tracer` traces records that their producers trace."""

    config: WorkerConfig
    stores: Stores
    followed: Followed
    replay: ReplayCoordinator
    point_in_time: PointInTime
    refits: RefitCheckpoints
    fits: VectorFits
    maker: ListMaker
    writer: ListWriter
    now_ms: Callable[[], int]
    tally: Tally
    tracer: Tracer | None = None


class Partitions:
    """Makes a task for each partition that this process takes over."""

    def __init__(self, shared: SharedParts) -> None:
        self.shared = shared
        topics = shared.config.topics
        self._budgets = MaintenanceBudgets.of_process(shared.config.refresh_cpu_share)
        self.dead_letters = DeadLetters(
            topics.dead_letters, topics.crash_marks, shared.followed.version_status.answers_for
        )
        self.planes = {topic: PlaneTimes() for topic in topics.inputs}
        """By input."""
        self._kinds = {
            topics.interactions: (topics.user_changelog, USER_ROWS, self.user_step),
            topics.deltas: (topics.item_model, ITEM_ROWS, self.item_step),
            topics.ranker_examples: (topics.ranker_weights, ANY_ROWS, self.ranker_step),
        }

    def new_task(self, source: TopicPartition) -> PartitionTask:
        """The task of a partition of one of the inputs; it owns nothing yet."""
        config, topics = self.shared.config, self.shared.config.topics
        changelog, rules, new_step = self._kinds[source.topic]
        table = ChangelogTable(changelog, source.partition, self.shared.stores, rules, self.shared.followed.row_letters)
        if source.topic == topics.interactions:
            table.orders = lambda: self.shared.followed.erasures_place(source.partition)
        producer = PartitionProducer(
            config.bootstrap, topics.transactional_id(source.topic, source.partition), topics.consumer_group
        )
        uncommitted = config.commit_max_records + PartitionTask.SMALL_ROUND + config.batch_max_records
        marks = CrashMarks(topics.crash_marks, source.topic, source.partition, uncommitted)
        step, gate = new_step(table, proof_of(producer, table))
        return PartitionTask(source, producer, table, marks, step, gate, self.planes[source.topic])

    def user_step(self, table: ChangelogTable, prove: Proof) -> tuple[PartitionStep, BackPressure]:
        """Users of one partition: rows, lists, and what their events teach."""
        shared, config, topics = self.shared, self.shared.config, self.shared.config.topics
        limits = FoldLimits(
            allowed_lateness_ms=config.allowed_lateness_s * SECOND_MS, retention_ms=config.retention_days * DAY_MS
        )
        partition, erasures = table.partition, shared.followed.erasures
        erased = erasures.of(partition)
        links, parts = shared.followed.links.of(partition), shared.followed.guest_parts
        linked = Linked(links.users, parts.of(partition).users)

        def new_plane() -> UserPlane:
            return UserPlane(partition, config.partitions, table.rows, limits, erased.ends, config.identities, linked)

        gate = shared.replay.of(partition, lambda: step.plane.highest_ms)
        new_keeper, new_user_step = self._user_parts(partition)
        keeper = new_keeper(
            shared.maker,
            PartitionLists(shared.writer, table.owner, erased, prove),
            shared.followed.profiles.of(partition),
            ReaderWatch(shared.writer.reader_marks(partition), config.active_days),
            shared.now_ms,
            KeeperSettings(
                config.active_days,
                config.list_ttl_s,
                overload_after_ms=round(config.overload_after_s * SECOND_MS),
            ),
            gate,
            self._budgets,
        )
        deltas = OutgoingDeltas(topics.deltas, partition, config.partitions)
        observers = self._observers(partition, keeper)
        pace = CommitPace(config.commit_interval_s, config.commit_max_records, time.monotonic)
        step = new_user_step(
            new_plane,
            keeper,
            deltas,
            self.dead_letters,
            erasures,
            observers,
            pace,
            lambda: gate.others_wait,
            topics.user_changelog,
            Guests(topics.guest_parts, partition, links, parts),
        )
        return step, gate

    def _user_parts(self, partition: int) -> tuple[Callable[..., ListKeeper], Callable[..., InteractionsStep]]:
        """How lists and step are made; those that trace are not even imported when nothing is traced."""
        tracer, config = self.shared.tracer, self.shared.config
        if tracer is None:
            return ListKeeper, InteractionsStep
        from agents.record_traces import RecordTraces
        from agents.traced_interactions import TracedLists, TracedStep

        traces = RecordTraces(tracer, config.topics.interactions, partition, config.topics.consumer_group)
        return partial(TracedLists, traces), partial(TracedStep, traces, config.identities)

    def _observers(self, partition: int, keeper: ListKeeper) -> Observers:
        followed, config, topics = self.shared.followed, self.shared.config, self.shared.config.topics
        items, profiles, feature_cutoff_ms = (
            followed.items,
            followed.profiles.of(partition),
            self.shared.point_in_time.feature_cutoff_ms,
        )
        evaluator = PrequentialEvaluator(
            items,
            keeper.current_list,
            profiles,
            PrequentialSettings(config.evaluation_sample_rate, config.list_size, config.rerank),
            topics,
            partition,
            followed.version_status.answers_for,
            feature_cutoff_ms,
        )
        examples = Examples(items, profiles, config.list_size, topics.ranker_examples, feature_cutoff_ms)
        quality = LiveQuality(keeper.shown, items.model)
        return Observers(quality, evaluator, examples, self.shared.tally, lambda: keeper.overload.leaves_out)

    def item_step(self, table: ChangelogTable, _: Proof) -> tuple[PartitionStep, BackPressure]:
        """Items of one partition."""
        shared = self.shared
        step = ItemsStep(
            lambda: ItemPlane(table.partition, table.rows, ItemLimits()),
            table.rows,
            PublicationLimiter(
                self._publish_interval_s,
                shared.config.item_model_budget_bytes_per_s,
                shared.config.item_model_max_staleness_s,
            ),
            shared.refits,
            time.monotonic,
            self.dead_letters,
            shared.fits if table.partition == FITTING_PARTITION else None,
        )
        return step, NoBackPressure()

    def ranker_step(self, table: ChangelogTable, _: Proof) -> tuple[PartitionStep, BackPressure]:
        """The ranker's only learner."""
        asyncio.get_running_loop().run_in_executor(None, load_river)  # should it fail, so does the first example
        first = Ranker.start(self.shared.config.sequence_model)
        return RankerStep(table.rows, self.dead_letters, time.monotonic, first), NoBackPressure()

    def _publish_interval_s(self) -> float:
        """What items have learned is needed by lists: behind the head there are none, and more is coalesced."""
        return CATCH_UP_INTERVAL_S if self.shared.replay.own_behind else self.shared.config.item_model_interval_s
