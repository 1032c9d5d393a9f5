"""Workers and the endpoint up in a namespace of their own, and what is measured on them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

from aiokafka.structs import TopicPartition
from freshness_traffic import UNIFORM, BenchTraffic
from process_cpu import CpuClock

from ops.configuration.settings import Settings
from ops.demo.alongside import alongside
from ops.demo.endpoint_client import EndpointClient
from ops.demo.freshness import FreshnessProbe
from ops.demo.lag import Positions, read_positions, wait_until_drained
from ops.demo.namespace import Namespace
from ops.demo.publisher import DemoPublisher
from ops.demo.workers import Workers
from ops.group_progress import GroupProgress
from ops.local_stack.stack import LocalStack
from ops.operator.inspect.pauses import set_pause
from ops.processes.child_settings import start_endpoint, start_workers
from ops.processes.supervisor import ProcessSupervisor
from ops.processes.waiting import until
from serving.redis_clients import nodes_of
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer

#: Events a second that are followed to their list, at most: looking at more would be a load of its own.
SAMPLES_PER_S = 25.0
MAX_OPEN = 400
#: Records that wait in the log while saturation is measured: always some, and no more than a few seconds' worth.
WINDOW = 1_500
CHUNK = 250
LOOK_S = 0.25
LOAD = "load"
#: After a pause: fewer, because each is followed for longer; how long everything must be as usual; when to give up.
SAMPLES_PER_S_OF_RECOVERY = 5.0
STEADY_S = 2.0
RECOVERED_WITHIN_S = 240.0
#: One producer stands for many: a request for each event would measure how the broker bears those.
LINGER_MS = 20
_REDIS_TIMEOUT_S = 5.0
_SETTLED_S = 60.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Load:
    """What one row is published with; `users` is a kind of `BenchTraffic`."""

    users: str
    events_per_s: float
    seconds: float


class FreshAgain:
    """Notices when events reach their lists within `bound_s` for `STEADY_S` on end."""

    def __init__(self, bound_s: float) -> None:
        self._bound_s = bound_s
        self._slow_s: float | None = None
        self.resumed_s: float | None = None
        self.after_s: float | None = None
        self.again = asyncio.Event()

    def settled(self, age_s: float) -> None:
        """An event took so long."""
        now_s = time.monotonic()
        assert self.resumed_s is not None
        if age_s > self._bound_s or self._slow_s is None:
            self._slow_s = now_s
        elif now_s - self._slow_s >= STEADY_S and not self.again.is_set():
            self.after_s = self._slow_s - self.resumed_s
            self.again.set()


class Live:
    """One set of processes, used as `async with Live(...) as live`. Everything is idle between two measurements."""

    def __init__(
        self,
        settings: Settings,
        stack: LocalStack,
        supervisor: ProcessSupervisor,
        workers: int,
        users: int,
        items: int,
    ) -> None:
        self.workers = workers
        self.settings = settings
        self._stack = stack
        self._supervisor = supervisor
        self._namespace = Namespace(settings)
        self._topics = self._namespace.topics
        self.traffic = BenchTraffic(self._topics, users, items)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings, topics = self.settings, self._topics
        async with AsyncExitStack() as opening:
            self._redis = await opening.enter_async_context(aclosing(nodes_of(settings.redis_url, _REDIS_TIMEOUT_S)))
            self._producer = await opening.enter_async_context(Producer(settings.kafka, linger_ms=LINGER_MS))
            self._progress = await opening.enter_async_context(GroupProgress(settings.kafka, topics.consumer_group))
            self._reports = Workers(self._redis, self._namespace.keys, topics, settings.partitions)
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def bring_up(self, folder: Path) -> None:
        """Starts the processes and returns when all of them are ready. Raises `ProcessFailed`."""
        start_workers(self._supervisor, self.settings, folder, self.workers)
        start_endpoint(self._supervisor, self.settings, folder)
        await self._producer.publish_all(self.traffic.reference_records())
        endpoint = EndpointClient(self.settings.endpoint_host, self.settings.endpoint_port)
        await alongside(self._until_ready(endpoint), self._supervisor.watch())

    async def _until_ready(self, endpoint: EndpointClient) -> None:
        await self._reports.wait_until_ready(self.workers)
        await endpoint.wait_until_ready()

    # -- what is measured -----------------------------------------------------------------------------------------

    async def warm_up(self, events: int) -> None:
        """Gives users a history and the item model something to say."""
        await self._producer.publish_all(islice(self.traffic.events(UNIFORM), events))
        await self._drained()

    async def floor(self, events: int) -> Row:
        """One event at a time on an idle system: the next one is sent when the list of the last one is there."""
        probe = self._probe()
        await alongside(self._one_by_one(probe, events), probe.run())
        return {"workers": self.workers, "users": "floor", "rate": 0, **_figures(probe)}

    async def _one_by_one(self, probe: FreshnessProbe, events: int) -> None:
        for record in islice(self.traffic.events(UNIFORM), events):
            _offer(probe, record, await self._producer.publish(record))
            await self._settled(probe)

    async def saturation(self, seconds: float) -> float:
        """Events a second that come out when there are always some waiting, but never more than `WINDOW`."""
        records = self.traffic.events(UNIFORM)
        before, began_s = await self._fill(records), time.monotonic()
        while (passed_s := time.monotonic() - began_s) < seconds:
            await asyncio.sleep(LOOK_S)  # asking all the time would be a load of its own
            positions = await self._fill(records)
        await self._drained()
        return (positions.folded - before.folded) / passed_s

    async def _fill(self, records: Iterator[OutgoingRecord]) -> Positions:
        """Publishes until the window is full; the positions after it."""
        while (positions := await read_positions(self._progress, self._topics)).lag < WINDOW:
            await self._producer.publish_all(islice(records, CHUNK))
        return positions

    async def row(self, load: Load) -> Row:
        """Open loop: every event is sent when it is due, whatever became of the ones before."""
        probe = self._probe()
        every = max(1, round(load.events_per_s / SAMPLES_PER_S))
        acknowledged = 0

        def on_acknowledged(record: OutgoingRecord, acknowledgement: Acknowledgement) -> None:
            nonlocal acknowledged
            acknowledged += 1
            if acknowledged % every == 0:
                _offer(probe, record, acknowledgement)

        publisher = DemoPublisher(self._producer, self._topics.interactions, on_acknowledged)
        records = self.traffic.timed(load.users, load.events_per_s, load.seconds)
        measured: Row = {}

        async def measure() -> None:
            cpu, began_s = CpuClock(self._pids(), LOAD), time.monotonic()
            await publisher.run(records)
            seconds = time.monotonic() - began_s
            cores = {name: round(cpu_s / seconds, 3) for name, cpu_s in cpu.passed_s().items()}
            ended_s = time.monotonic()
            await self._settled(probe)
            await self._drained()
            measured.update(
                published_per_s=round(acknowledged / seconds, 1),
                drain_s=round(time.monotonic() - ended_s, 2),
                cpu_cores=cores,
                cpu_cores_of_all=round(sum(cores.values()) - cores[LOAD], 3),
            )

        await alongside(measure(), probe.run(), self._supervisor.watch())
        return {
            "workers": self.workers,
            "users": load.users,
            "rate": round(load.events_per_s),
            **_figures(probe),
            **measured,
        }

    async def recovery(self, load: Load, pause_s: float, usual_ms: float) -> Row:
        """Events go on to come while nobody reads them for `pause_s`: how long after that until lists are as fresh as
        usual, twice `usual_ms` at most?"""
        bound_s = max(1.0, 2 * usual_ms / 1000)
        fresh = FreshAgain(bound_s)
        probe = FreshnessProbe(self._redis, self._namespace.keys, MAX_OPEN, fresh.settled)
        every, acknowledged = max(1, round(load.events_per_s / SAMPLES_PER_S_OF_RECOVERY)), 0

        def on_acknowledged(record: OutgoingRecord, acknowledgement: Acknowledgement) -> None:
            nonlocal acknowledged
            acknowledged += 1
            if acknowledged % every == 0 and fresh.resumed_s is not None:
                _offer(probe, record, acknowledgement)

        publisher = DemoPublisher(self._producer, self._topics.interactions, on_acknowledged)
        records = self.traffic.timed(load.users, load.events_per_s, pause_s + RECOVERED_WITHIN_S)

        async def pause() -> None:
            await self._pause(paused=True)
            await asyncio.sleep(pause_s)
            await self._pause(paused=False)
            fresh.resumed_s = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(RECOVERED_WITHIN_S):
                    await fresh.again.wait()

        await alongside(pause(), publisher.run(records), probe.run(), self._supervisor.watch())
        await self._drained()
        return {
            "workers": self.workers,
            "users": f"{load.users}, paused",
            "rate": round(load.events_per_s),
            "pause_s": pause_s,
            "as_usual_ms": round(bound_s * 1000),
            "recovery_s": fresh.after_s and round(fresh.after_s, 1),
            "lists_coalesced": sum(report.lists_coalesced for report in await self._reports.read()),
            **_figures(probe),
        }

    async def _pause(self, *, paused: bool) -> None:
        for number in range(self.settings.partitions):
            partition = TopicPartition(self._topics.interactions, number)
            await set_pause(self.settings.kafka, self._topics, partition, paused=paused)

    def _probe(self) -> FreshnessProbe:
        return FreshnessProbe(self._redis, self._namespace.keys, MAX_OPEN)

    async def _settled(self, probe: FreshnessProbe) -> None:
        async def is_idle() -> bool:
            return probe.is_idle

        await until(is_idle, _SETTLED_S, lambda: "events were not followed to their lists")

    async def _drained(self) -> None:
        await wait_until_drained(self._progress, self._topics)

    def _pids(self) -> dict[str, list[int]]:
        """Leaders of process trees by what they are."""
        pids = self._supervisor.pids
        valkey = self._stack.redis_pid
        return {
            "broker": [pid for pid in self._stack.kafka_pids.values() if pid is not None],
            "workers": [pid for name, pid in pids.items() if name.startswith("worker")],
            "valkey": [] if valkey is None else [valkey],
            "endpoint": [pids["endpoint"]],
        }


def _offer(probe: FreshnessProbe, record: OutgoingRecord, acknowledgement: Any) -> None:
    """Ages count from the broker's append time, by the clock that both share."""
    assert record.key is not None
    age_s = max(0.0, time.time() - acknowledgement.timestamp / 1000)
    probe.offer(record.key.decode(), acknowledgement.partition, acknowledgement.offset, age_s)


def _figures(probe: FreshnessProbe) -> Row:
    found = probe.percentiles
    return {
        "p50_ms": found and found.p50,
        "p99_ms": found and found.p99,
        "max_ms": found and found.most,
        "samples": probe.samples,
        "overdue": probe.overdue,
        "not_followed": probe.refused,
    }
