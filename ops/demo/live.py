"""The part with an event loop: workers and endpoint up, traffic flowing, figures shown, everything drained."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from ops.configuration.identities import identities_of
from ops.demo.alongside import alongside
from ops.demo.endpoint_client import EndpointAway, EndpointClient, UserList
from ops.demo.freshness import FreshnessProbe, Percentiles
from ops.demo.lag import read_positions, wait_until_drained
from ops.demo.namespace import Namespace
from ops.demo.panels import SHOWN_ITEMS
from ops.demo.phases import Phases
from ops.demo.publisher import DemoPublisher
from ops.demo.snapshot import Snapshot, UserView
from ops.demo.spotlight import Spotlight
from ops.demo.traffic import DemoTraffic
from ops.demo.view import View
from ops.demo.workers import Workers
from ops.group_progress import GroupProgress
from ops.processes.child_settings import WORKERS, start_endpoint, start_workers
from ops.processes.supervisor import ProcessSupervisor
from serving.redis_clients import RedisNodes, nodes_of
from streams.contract.events import InvalidEvent, parse_interaction
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer

_SAMPLE_EVERY_S = 0.5
_REDIS_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class LiveFigures:
    """What was measured while traffic flowed. Both mappings are by partition of the interactions topic."""

    acknowledged: Mapping[int, int]
    ends: Mapping[int, int]
    lists_written: int
    freshness: Percentiles | None


class LiveRun:
    """One run, once. Make it inside the event loop."""

    def __init__(
        self,
        namespace: Namespace,
        traffic: DemoTraffic,
        supervisor: ProcessSupervisor,
        phases: Phases,
        view: View,
        producer: Producer,
        progress: GroupProgress,
        redis: RedisNodes,
    ) -> None:
        settings = namespace.settings
        self._settings = settings
        self._stored_id = identities_of(settings).of
        self._topics = namespace.topics
        self._traffic = traffic
        self._supervisor = supervisor
        self._phases = phases
        self._view = view
        self._producer = producer
        self._progress = progress
        self._endpoint = EndpointClient(settings.endpoint_host, settings.endpoint_port)
        self._workers = Workers(redis, namespace.keys, namespace.topics, settings.partitions)
        self._probe = FreshnessProbe(redis, namespace.keys)
        self._spotlight = Spotlight(traffic.titles)
        self._publisher = DemoPublisher(producer, self._topics.interactions, self._on_acknowledged)

    async def run(self, folder: Path) -> LiveFigures:
        """Raises `DemoError`, `ProcessFailed`, `KafkaError` (ours or aiokafka's) or `redis.RedisError`."""
        start_workers(self._supervisor, self._settings, folder)
        start_endpoint(self._supervisor, self._settings, folder)
        return await alongside(self._run(), self._supervisor.watch(), self._probe.run())

    async def _run(self) -> LiveFigures:
        with self._phases.measure("catalogue"):
            await self._producer.publish_all(self._traffic.reference_records(self._topics))
        with self._phases.measure("workers"):
            await self._workers.wait_until_ready(WORKERS)
            await self._endpoint.wait_until_ready()
        began_s = time.monotonic()
        with self._view:
            await alongside(self._publish(), self._show(began_s))
            with self._phases.measure("drain"):
                positions = await wait_until_drained(self._progress, self._topics)
                drained_ms = time.time_ns() // 1_000_000
                await self._workers.wait_for_reports_after(drained_ms, self._worker_pids)
            self._view.update(await self._snapshot(began_s))  # what stays on the screen: everything is folded
        return LiveFigures(
            self._publisher.acknowledged_by_partition,
            positions.ends,
            self._workers.lists_written,
            self._probe.percentiles,
        )

    # -- traffic --------------------------------------------------------------------------------------------------

    async def _publish(self) -> None:
        records = self._traffic.event_records(self._topics)
        await alongside(self._publisher.run(records), self._note_first_list())

    async def _note_first_list(self) -> None:
        began_s = time.monotonic()
        await self._probe.first_list.wait()
        self._phases.note("first_list", time.monotonic() - began_s)
        self._phases.note("until_first_list", self._phases.elapsed_s)

    def _on_acknowledged(self, record: OutgoingRecord, acknowledgement: Acknowledgement) -> None:
        try:
            event = parse_interaction(record.value, time.time_ns() // 1_000_000)
        except InvalidEvent:  # malformed on purpose: it will be a dead letter, and no list waits for it
            return
        self._spotlight.note(event)
        self._probe.offer(self._stored_id(event.user_id), acknowledgement.partition, acknowledgement.offset)

    # -- figures --------------------------------------------------------------------------------------------------

    async def _show(self, began_s: float) -> None:
        while True:
            self._view.update(await self._snapshot(began_s))
            await asyncio.sleep(_SAMPLE_EVERY_S)

    async def _snapshot(self, began_s: float) -> Snapshot:
        await self._workers.read()
        return Snapshot(
            passed_s=time.monotonic() - began_s,
            seconds=self._traffic.seconds,
            published=self._publisher.acknowledged,
            events_per_s=self._publisher.events_per_s(),
            lag=await self._read_lag(),
            lists_written=self._workers.lists_written,
            freshness=self._probe.percentiles,
            user=await self._read_user(),
        )

    async def _read_lag(self) -> int | None:
        try:
            return (await read_positions(self._progress, self._topics)).lag
        except KafkaError as failure:
            if not failure.retriable:
                raise
            return None  # shown as unknown; the broker is asked again in a moment

    async def _read_user(self) -> UserView | None:
        user_id = self._spotlight.user()
        if user_id is None:
            return None
        shown: UserList | None
        try:
            shown = await self._endpoint.user_list(user_id, SHOWN_ITEMS)
        except EndpointAway:  # shown as such; the supervisor says why
            shown = None
        return UserView(user_id, self._spotlight.events_of(user_id), shown)

    def _worker_pids(self) -> set[int]:
        return {pid for name, pid in self._supervisor.pids.items() if name.startswith("worker")}


async def go_live(
    namespace: Namespace, traffic: DemoTraffic, supervisor: ProcessSupervisor, phases: Phases, view: View, folder: Path
) -> LiveFigures:
    """Opens the connections and runs. Raises as `LiveRun.run`."""
    settings = namespace.settings
    redis = nodes_of(settings.redis_url, _REDIS_TIMEOUT_S)
    async with (
        aclosing(redis),
        Producer(settings.kafka) as producer,
        GroupProgress(settings.kafka, namespace.topics.consumer_group) as progress,
    ):
        return await LiveRun(namespace, traffic, supervisor, phases, view, producer, progress, redis).run(folder)
