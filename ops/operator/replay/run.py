"""Runs a replay: prepares the version, starts workers, tells how far they are, and goes on at the head."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agents.versions.registry import RegistryBusy, read_registry
from offline.replay.progress import ReplayProgress, ReplayRate
from ops.configuration.settings import Settings
from ops.operator.replay.metrics import ReplayMetrics
from ops.operator.replay.start import Beginning, prepare
from ops.operator.replay.watch import ReplayWatch
from ops.operator.snapshots.kept_state import StartingState
from ops.operator.versions.figures import Figures, measure, record
from ops.processes.child_settings import environment_of, metrics_port_of
from ops.processes.metrics_server import metrics_server
from ops.processes.supervisor import ProcessSupervisor
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)

#: Larger than a worker's default: nobody waits for the lists of a version that serves nobody.
BATCH_MAX_RECORDS = 5_000
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What to begin with, into which version, with how many local workers. `settings` are the new version's."""

    settings: Settings
    version: str
    beginning: Beginning
    workers: int

    @property
    def topics(self) -> Topics:
        """Names under the new version."""
        return Topics(self.settings.namespace, self.version)

    @property
    def folder(self) -> Path:
        """Where its workers log and keep state on this machine."""
        return self.settings.state_dir / "replay" / self.version


class Replay:
    """One run. `tell` hears of the progress once a second, `arrived` once, at the head, of seconds since the start."""

    def __init__(
        self, plan: ReplayPlan, tell: Callable[[ReplayProgress], None], arrived: Callable[[float], None]
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._arrived = arrived
        self._metrics = ReplayMetrics()

    async def run(self, supervisor: ProcessSupervisor) -> None:
        """Goes on until cancelled, or until a worker ends for good: its version was retired, or somebody asked it to.
        Raises `CommandFailed`, `TopicMissing` and `KafkaError`."""
        with metrics_server(self._plan.settings, asyncio.get_running_loop()) as server:
            if server is not None:
                server.observe(self._metrics)
            await self._run(supervisor)

    async def _run(self, supervisor: ProcessSupervisor) -> None:
        plan = self._plan
        await prepare(plan.settings, plan.topics, plan.beginning)
        began_s = time.monotonic()
        start_workers(supervisor, plan)
        archived = StartingState(plan.settings, plan.topics).archived() if plan.beginning.archive else {}
        async with ReplayWatch(plan.settings.kafka, plan.topics, archived) as watch:
            replay_rate, at_head = ReplayRate(await watch.begin()), False
            while not supervisor.is_over:
                supervisor.check()
                position = await watch.look()
                progress = replay_rate.add(position, time.time_ns() // 1_000_000)
                self._tell(progress)
                self._metrics.note(progress, at_head=at_head)
                if position.caught_up and not at_head and await watch.items_done():
                    at_head = True
                    took_s = time.monotonic() - began_s
                    self._arrived(took_s)
                    await record_replay(plan.settings, plan.version, progress, took_s)
                await asyncio.sleep(LOOK_S)


async def record_replay(settings: Settings, version: str, progress: ReplayProgress, took_s: float) -> None:
    """Keeps with the version how the replay went and, when another one serves, how the two compare."""
    bootstrap, redis_url, namespace = settings.kafka, settings.redis_url, settings.namespace
    figures: dict[str, Figures] = {version: {}}
    live = (await read_registry(bootstrap, Topics(namespace))).leader_beside(version)
    if live is not None:
        figures = (await measure(bootstrap, redis_url, namespace, live, version)).figures
    figures[version]["replay"] = {"seconds": round(took_s, 1), "events": progress.folded}
    try:
        await record(bootstrap, namespace, figures)
    except RegistryBusy as error:  # the version is as good without them
        logger.warning("figures of %s are not kept: %s", version, error)


def start_workers(supervisor: ProcessSupervisor, plan: ReplayPlan) -> None:
    """Ordinary workers under the new version; others may be started on other machines at any time."""
    for number in range(1, plan.workers + 1):
        own = plan.settings.model_copy(
            update={
                "model_version": plan.version,
                "state_dir": plan.folder / f"worker-{number}",
                "storage_url": plan.settings.storage,  # its default is a folder in the former
                "worker_instance_id": "",  # members of one group cannot share it
                "metrics_port": metrics_port_of(plan.settings, number),
                "batch_max_records": max(BATCH_MAX_RECORDS, plan.settings.batch_max_records),
            }
        )
        command = [sys.executable, "-m", "ops.cli", "worker"]
        supervisor.start(f"worker-{number}", command, environment_of(own), plan.folder / f"worker-{number}.log")
