"""One worker process, put together: followers first, then the group, then the lists that belong to nobody."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import faust

from agents.app import build_app
from agents.delivery.log_check import LogCheck
from agents.delivery.log_watch import LogWatch
from agents.delivery.ownership import Ownership
from agents.delivery.process_exit import EXIT_UNEXPECTED, end_within
from agents.delivery.store import MemoryStores, RocksStores, Stores
from agents.evaluation.index_check import IndexCheck
from agents.followed import Followed
from agents.followers.model_watermark import RefitCheckpoints
from agents.heartbeat import Heartbeat
from agents.interactions import NOTHING_COUNTED
from agents.lists.experiments_copy import ExperimentsCopy
from agents.lists.list_maker import ListMaker
from agents.lists.rule_clock import RuleClock
from agents.lists.shared_lists import SharedListWriter
from agents.metrics.state_sizes import StateSizes
from agents.metrics.worker_metrics import Parts, WorkerMetrics
from agents.observers import Tally
from agents.partitions import Partitions, SharedParts
from agents.replay.coordinator import ReplayCoordinator
from agents.replay.offsets_watch import OffsetsWatch
from agents.replay.phases import Phase
from agents.replay.point_in_time import PointInTime
from agents.retention.archive_feed import ArchiveFeed
from agents.training.vector_fits import VectorFits
from agents.versions.admission import admit
from agents.versions.code_revision import code_revision
from agents.versions.live_pointer import LivePointerKeeper
from agents.worker_config import WorkerConfig
from serving.instance import new_instance
from serving.keys import Keys
from serving.redis_writer import ListWriter
from serving.supervisor import Loop, LoopSupervisor
from serving.write_order import PartitionOwner
from streams.contract.events import Reason
from streams.contract.units import SECOND_MS
from streams.kafka.read_progress import ReadProgress
from streams.metrics import Observe

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

logger = logging.getLogger(__name__)

#: A worker ends in less than a second; with brokers that do not answer it would try for ever.
SHUTDOWN_GRACE_S = 15.0
#: A background task that fails so often in a row, over about half a minute, ends the process.
MOST_FAILURES = 10


def now_ms() -> int:
    """The wall clock, ms since the epoch. Only the edges of the system read it."""
    return time.time_ns() // 1_000_000


class Worker:
    """Everything one process runs. Make it inside the running event loop."""

    def __init__(self, config: WorkerConfig, tracer: Tracer | None = None) -> None:
        topics = config.topics
        self._config = config
        self._instance = new_instance(config.instance_id)
        self._keys = Keys(topics.namespace, topics.version)
        self._writer = ListWriter.connect(config.redis_url, self._keys)
        self._followed = Followed(config, lambda: self._point_in_time.max_model_watermark_ms())
        items, version_status = self._followed.items, self._followed.version_status
        self.ownership = Ownership(
            config.bootstrap,
            topics.consumer_group,
            lambda source: self._partitions.new_task(source),
            self._followed.know_users,
            LogCheck(config.bootstrap, topics.derived_inputs, {topics.interactions: topics.erasure}),
        )
        self._replay = ReplayCoordinator(
            topics.interactions,
            config.partitions,
            config.replay_max_skew_s * SECOND_MS,
            lambda: version_status.serves or topics.version in self._followed.experiments.versions,
            lambda: self.ownership.notes(topics.interactions),
            lambda: self._followed.controls.paused,
            items.model_watermark.release,
        )
        self._offsets = OffsetsWatch(
            config.bootstrap, topics, self._replay, lambda: version_status.reads_archive, items.has_read
        )
        refits = RefitCheckpoints(config.replay_refit_growth, lambda: self._replay.own_behind)
        self._fits = VectorFits(items.model, lambda: self.ownership.owned(topics.deltas), items.model_watermark, refits)
        self._point_in_time = PointInTime(self._replay, items.model_watermark, self._fits)
        self._maker = maker = ListMaker(
            items,
            self._keys,
            topics.version,
            config.list_size,
            config.list_expires_s * SECOND_MS,
            config.rerank,
            self._followed.experiments,
        )
        self._rule_clock = RuleClock(self._followed.rules, items, now_ms)
        self._tally = Tally()
        self._partitions = Partitions(
            SharedParts(
                config,
                self._new_stores(),
                self._followed,
                self._replay,
                self._point_in_time,
                refits,
                self._fits,
                maker,
                self._writer,
                now_ms,
                self._tally,
                tracer,
            )
        )
        self._shared_lists = SharedListWriter(
            maker, self._writer, self._keys, self._item_partitions_to_list, config.partitions
        )
        self._archive = ArchiveFeed(
            topics.interactions, config.storage_url, topics.namespace, config.data_dir / "archive", self._instance
        )
        self._index_check = IndexCheck(items.model)
        self._log_watch = LogWatch(
            config.bootstrap, topics, config.partitions, self.ownership.places, self._followed.places
        )
        self._consumed = ReadProgress()
        self._sizes = StateSizes(self.ownership)
        self._app: faust.App = build_app(
            config, self.ownership, self._replay.not_to_read, self._archive, self._consumed
        )

    def _new_stores(self) -> Stores:
        if self._config.state_store == "rocksdb":
            return RocksStores(self._config.data_dir / "tables", self._instance)
        return MemoryStores()

    # -- life cycle -----------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event, observe: Observe | None = None) -> int:
        """Works until `stop` is set or the version is retired; returns the exit code. `observe` is told whom to look
        at, if anybody looks."""
        await self._log_watch.start()  # before anything is read
        await self._followed.start()
        self._rule_clock.tick()  # before any list is made
        version_status = self._followed.version_status
        if version_status.reads_archive:
            await self._archive.open()
        supervisor = LoopSupervisor(MOST_FAILURES)
        code = await asyncio.to_thread(code_revision)
        heartbeat = Heartbeat(
            self._writer, self._keys, self._instance, self.ownership, self._counters, code, supervisor
        )
        loops = self._loops(heartbeat)
        if observe is not None:
            observe(self._metrics(supervisor, heartbeat, code))
            loops["state sizes"] = self._sizes.run
        for name, loop in loops.items():
            supervisor.keep(name, loop)
        await self._app.start()
        logger.info("worker ready: group %s", self._config.topics.consumer_group)
        await _first_of(stop.wait, version_status.retired.wait, self._app._crashed.wait, supervisor.gave_up.wait)
        await supervisor.close()
        await self._app.stop()
        await self._followed.stop()
        await self._log_watch.stop()
        await self._writer.close()
        return 0 if stop.is_set() or version_status.retired.is_set() else EXIT_UNEXPECTED

    def _loops(self, heartbeat: Heartbeat) -> dict[str, Loop]:
        """What runs in the background, by the name that a failure is told under."""
        pointer = LivePointerKeeper(self._writer, self._keys, lambda: self._followed.version_status.registry.current)
        interactions = self._config.topics.interactions
        return {
            "shared lists": lambda: self._shared_lists.run(lambda: self._point_in_time.model_ms(now_ms())),
            "heartbeat": heartbeat.run,
            "live pointer": pointer.run,
            "experiments": ExperimentsCopy(self._writer, self._keys, self._followed.experiments).run,
            "rules": self._rule_clock.run,
            "vector fits": lambda: self._fits.run(now_ms, time.monotonic),
            "index check": self._index_check.run,
            "refusals": lambda: self._followed.refusals.run(lambda: self.ownership.owned(interactions)),
            "misplaced profiles": self._followed.misplaced.run,
            "offsets": self._offsets.run,
            "log watch": self._log_watch.run,
        }

    def _metrics(self, supervisor: LoopSupervisor, heartbeat: Heartbeat, code: str) -> WorkerMetrics:
        parts = Parts(
            topics=self._config.topics,
            instance=self._instance,
            code=code,
            ownership=self.ownership,
            followed=self._followed,
            replay=self._replay,
            maker=self._maker,
            writer=self._writer,
            tally=self._tally,
            planes=self._partitions.planes,
            dead_letters=self._dead_letters,
            index_check=self._index_check,
            log_watch=self._log_watch,
            consumed=self._consumed,
            supervisor=supervisor,
            heartbeat=heartbeat,
            sizes=self._sizes,
        )
        return WorkerMetrics(parts, now_ms)

    def _dead_letters(self) -> Counter[Reason]:
        return self._partitions.dead_letters.counted + self._followed.dead_letters.counted

    # -- what others ask ------------------------------------------------------------------------------------------

    def _item_partitions_to_list(self) -> dict[int, PartitionOwner]:
        """The owned ones, unless the lists that belong to nobody would be out of date at once."""
        if self._replay.phase is not Phase.LIVE:
            return {}
        deltas = self._config.topics.deltas
        return {tp.partition: task.table.owner for tp, task in self.ownership.tasks.items() if tp.topic == deltas}

    def _counters(self) -> dict[str, int]:
        """Of this process since it began, for its heartbeat."""
        of_partitions = Counter(NOTHING_COUNTED)  # a worker that owns nothing says so
        for task in self.ownership.tasks.values():
            of_partitions.update(task.step.counters())
        return {
            "cpu_ms": time.process_time_ns() // 1_000_000,
            "events_folded": self._tally.folded,
            "events_late": self._tally.late,
            "records_refused": self._followed.refusals.total,
            "completions_clamped": self._tally.completions_clamped,
            "lists_refused": self._writer.refused,
            "vector_searches_checked": self._index_check.checked,
            "vector_recall_permille": self._index_check.recall_permille,
            **of_partitions,
        }


async def _first_of(*ends: Callable[[], Awaitable[object]]) -> None:
    """Returns when one of them does."""
    waiting = [asyncio.ensure_future(end()) for end in ends]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def run_worker(config: WorkerConfig, observe: Observe | None = None, tracer: Tracer | None = None) -> int:
    """Runs one worker until SIGTERM or SIGINT; returns the process's exit code. `observe` is told whom to look at;
    with a `tracer`, records that their producers trace are traced on.

    A worker that has not ended `SHUTDOWN_GRACE_S` after the signal is ended with `EXIT_UNEXPECTED`.

    Raises:
        agents.versions.admission.NotAdmitted: this worker must not join its version.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        end_within(SHUTDOWN_GRACE_S, "shutdown", loop)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await admit(config)
    return await Worker(config, tracer).run(stop, observe)
