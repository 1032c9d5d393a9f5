"""The page of a worker, read from what its parts count anyway, and whether it is alive and ready."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from aiokafka.structs import TopicPartition

from agents.delivery.log_watch import LogWatch
from agents.delivery.ownership import Ownership
from agents.delivery.partition_task import PartitionTask
from agents.evaluation.index_check import IndexCheck
from agents.followed import Followed
from agents.heartbeat import Heartbeat
from agents.instruments import ListCause, PlaneTimes
from agents.interactions import InteractionsStep
from agents.lists.list_maker import ListMaker
from agents.metrics import definitions as of
from agents.metrics.state_sizes import StateSizes
from agents.observers import Tally
from agents.replay.coordinator import ReplayCoordinator
from agents.replay.phases import Phase
from serving.redis_writer import ListWriter
from serving.supervisor import LoopSupervisor
from streams.contract.events import Reason
from streams.contract.rules import ACTIONS
from streams.kafka.read_progress import ReadProgress
from streams.kafka.topics import Topics
from streams.metrics import Reading, Samples
from tables.cleaning import ExclusionReason
from tables.fold import FoldKind

#: The consumer polls every tenth of a second; it waits for brokers, but not for so long.
POLLED_WITHIN_S = 30.0

#: What records of users' events may become besides a dead letter.
_PASSED_OVER = (FoldKind.DUPLICATE, FoldKind.REDELIVERED, FoldKind.ERASED)


@dataclass(frozen=True, slots=True)
class Parts:
    """Of one worker. `planes` are the times by input topic, `dead_letters` what was refused by reason."""

    topics: Topics
    instance: str
    code: str
    ownership: Ownership
    followed: Followed
    replay: ReplayCoordinator
    maker: ListMaker
    writer: ListWriter
    tally: Tally
    planes: Mapping[str, PlaneTimes]
    dead_letters: Callable[[], Counter[Reason]]
    index_check: IndexCheck
    log_watch: LogWatch
    consumed: ReadProgress
    supervisor: LoopSupervisor
    heartbeat: Heartbeat
    sizes: StateSizes


class WorkerMetrics:
    """`streams.metrics.Observed` for a worker that runs. `now_ms` is the wall clock."""

    def __init__(self, parts: Parts, now_ms: Callable[[], int]) -> None:
        self._parts = parts
        self._now_ms = now_ms
        self._plane_of = {
            parts.topics.interactions: "users",
            parts.topics.deltas: "items",
            parts.topics.ranker_examples: "ranker",
        }

    # -- probes ---------------------------------------------------------------------------------------------------

    def stuck(self) -> str:
        """See `Observed`: a consumer that does not ask for records while nothing keeps it from that."""
        consumed, times = self._parts.consumed, self._parts.ownership.times
        # None polls while partitions are taken over.
        silent_s = time.monotonic() - max(consumed.polled_s, times.ended_s)
        if not self.unready() and silent_s > POLLED_WITHIN_S:
            return f"the consumer has not asked for records for {silent_s:.0f} s"
        return ""

    def unready(self) -> str:
        """See `Observed`."""
        ownership = self._parts.ownership
        if ownership.times.since_s is not None:
            return f"restoring partitions for {time.monotonic() - ownership.times.since_s:.1f} s"
        if not ownership.has_joined:
            return "the group has not given it partitions yet"
        if not ownership.tasks:
            return "it owns no partition: there are as many other workers as partitions"
        if not all(task.accepts for task in ownership.tasks.values()):
            return "the group is rebalancing"
        return ""

    # -- metrics --------------------------------------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """See `Observed`."""
        yield from self._process()
        yield from self._events()
        yield from self._partitions()
        yield from self._lists()
        yield from self._state()
        yield from self._quality()

    def _process(self) -> Iterator[Reading]:
        parts = self._parts
        yield of.INFO, {(parts.topics.version, parts.code, parts.instance): 1.0}
        yield of.READY.of(float(not self.unready()))
        yield of.PHASE.by({phase.value: float(phase is parts.replay.phase) for phase in Phase})
        yield of.SERVES.of(float(parts.followed.version_status.serves))
        yield of.FAILING.of(float(len(parts.supervisor.failing)))
        yield of.RESTARTS.by({name: float(count) for name, count in parts.supervisor.restarts.items()})
        yield of.LOOP_LATE.of(parts.heartbeat.latest_ms / 1000)
        yield of.REDIS.of(parts.writer.seconds)
        yield of.REDIS_FAILURES.of(float(parts.writer.unavailable))
        yield of.REDIS_PAUSED.of(float(sum(step.lists.pauses for step in self._users())))

    def _events(self) -> Iterator[Reading]:
        parts, tally = self._parts, self._parts.tally
        outcomes = {kind.value: float(tally.passed_over[kind]) for kind in _PASSED_OVER}
        yield of.RECORDS.by({"folded": float(tally.folded), **outcomes, "dead_letter": float(tally.dead_letters)})
        yield of.LATE.of(float(tally.late))
        yield of.HELD_BACK.by({reason: float(tally.held_back[reason]) for reason in ExclusionReason})
        yield of.UNSEEN.of(self._counted("events_unseen"))
        refused = parts.dead_letters()
        yield of.DEAD_LETTERS.by({reason: float(refused[reason]) for reason in Reason})
        users = parts.planes[parts.topics.interactions]
        yield of.FRESHNESS.by({"folded": users.folded, "list": parts.maker.times.readable})
        by_plane = {self._plane_of[topic]: times for topic, times in parts.planes.items()}
        yield of.BATCH.by({plane: times.batch for plane, times in by_plane.items()})
        yield of.TRANSACTION.by({plane: times.transaction for plane, times in by_plane.items()})

    def _partitions(self) -> Iterator[Reading]:
        parts, tasks = self._parts, dict(self._parts.ownership.tasks)
        lags = {tp: self._lag(tp, task) for tp, task in tasks.items()}
        yield of.LAG, _by_partition({tp: float(lag) for tp, lag in lags.items()})
        yield of.LAG_AGE, _by_partition({tp: self._lag_age_s(tasks[tp], lag) for tp, lag in lags.items()})
        yield of.POSITION, _by_partition({tp: float(task.position) for tp, task in tasks.items()})
        paused = parts.followed.controls.paused
        yield of.PAUSED, _by_partition({tp: float(tp in paused) for tp in tasks})

    def _lag(self, tp: TopicPartition, task: PartitionTask) -> int:
        return self._parts.consumed.lag(tp, task.position, self._parts.log_watch.ends.get(tp, 0))

    def _lag_age_s(self, task: PartitionTask, lag: int) -> float:
        return max(0.0, (self._now_ms() - task.appended_ms) / 1000) if lag and task.appended_ms else 0.0

    def _lists(self) -> Iterator[Reading]:
        times = self._parts.maker.times
        yield of.LIST_SECONDS.by(times.stages)
        yield of.LISTS_WRITTEN.by({cause: float(times.written[cause]) for cause in ListCause})
        yield of.LISTS.by(
            {
                "failed": self._counted("lists_failed"),
                "refused": float(self._parts.writer.refused),
                "coalesced": self._counted("lists_coalesced"),
            }
        )
        yield of.LISTS_KEPT.of(float(sum(step.lists.kept for step in self._users())))
        yield of.LISTS_PENDING.of(float(sum(step.lists.pending for step in self._users())))
        yield of.OVERLOADS.of(self._counted("overloads"))
        rules, by_rules = self._parts.maker.model.rules, self._parts.maker.figures.by_rules
        in_force = Counter(rule.action for rule in rules.in_force)
        yield of.RULES.by({action: float(in_force[action]) for action in ACTIONS})
        yield of.RULED_ITEMS.by({action: float(by_rules[action]) for action in ACTIONS if action != "block"})
        yield of.BLOCKED_ITEMS.of(float(self._parts.maker.model.catalog.blocked_items))

    def _state(self) -> Iterator[Reading]:
        parts, restore = self._parts, self._parts.ownership.times
        yield of.STATE_ROWS.by(parts.sizes.rows)
        yield of.STATE_BYTES.by(parts.sizes.size_bytes)
        yield of.PROFILES.by({str(one): float(count) for one, count in parts.followed.profiles.held().items()})
        misplaced = parts.followed.profiles.misplaced()
        yield of.MISPLACED_PROFILES.by({str(one): float(count) for one, count in misplaced.items()})
        yield of.RESTORE.of(restore.taken)
        yield of.RESTORING.of(0.0 if restore.since_s is None else time.monotonic() - restore.since_s)
        items = parts.followed.items
        yield of.MODEL_AGE.of(max(0.0, (self._now_ms() - items.published_ms) / 1000) if items.published_ms else 0.0)
        yield of.MODEL_ITEMS.of(float(len(items.model)))
        yield of.MODEL_BYTES.of(float(column_bytes(items.model)))

    def _quality(self) -> Iterator[Reading]:
        parts, figures = self._parts, self._parts.maker.figures
        yield of.EVALUATED.of(self._counted("next_items_judged"))
        yield of.HITS.of(self._counted("next_items_in_top_10"))
        yield of.RECALL_CHECKS.of(float(parts.index_check.checked))
        yield of.RECALL.of(parts.index_check.recall_permille / 1000)
        covered, listable = figures.covered(self._now_ms())
        yield of.COVERED.of(float(covered))
        yield of.LISTABLE.of(float(listable))
        yield of.DIVERSITY_LISTS.of(float(figures.sampled))
        yield of.DIVERSITY.of(figures.distinct)

    def _users(self) -> list[InteractionsStep]:
        steps = [task.step for task in self._parts.ownership.tasks.values()]
        return [step for step in steps if isinstance(step, InteractionsStep)]

    def _counted(self, name: str) -> float:
        """Over all partitions that this process owns, or ever owned: a counter that went back would be taken for a
        restart."""
        former = self._parts.planes[self._parts.topics.interactions].former
        return float(former[name] + sum(step.counters()[name] for step in self._users()))


def _by_partition(values: Mapping[TopicPartition, float]) -> Samples:
    return {(tp.topic, str(tp.partition)): value for tp, value in values.items()}


def column_bytes(owner: object, depth: int = 4) -> int:
    """Bytes of the arrays that an object holds, and the objects of ours that it holds."""
    if isinstance(owner, np.ndarray):
        return owner.nbytes
    if depth == 0 or type(owner).__module__.partition(".")[0] != "tables":
        return 0
    names = {name for kind in type(owner).__mro__ for name in getattr(kind, "__slots__", ())}
    held = [getattr(owner, name, None) for name in names] + list(getattr(owner, "__dict__", {}).values())
    return sum(column_bytes(one, depth - 1) for one in held)
