"""The alerts that `test_monitoring` has no fault for: each is caused for real, beside a system that is used.

A long form: bounds stay what they are, so that some faults have to last for minutes. All drills are tried, whatever
becomes of the one before, and what did not fire, or did not end, is said together.
"""

import asyncio
import itertools
import random
import secrets
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import httpx
import orjson
import psutil
import pytest
from harness import cluster as harness_cluster
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.failing_lists_worker import UNLUCKY
from harness.herd import Herd
from harness.metrics import Probed
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.prometheus import HOW_TO_INSTALL, Prometheus, is_installed, quick_rules
from harness.sinks import SinkWorld, shown_record
from harness.traffic import event_record
from harness.watch import live_load

from ops.local_stack.clickhouse_server import ClickHouseServer, clickhouse_command
from ops.local_stack.java import find_java
from ops.local_stack.kafka_jars import kafka_class_path
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.kafka import clients
from streams.kafka.producer import OutgoingRecord

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.skipif(not is_installed(), reason=HOW_TO_INSTALL),
    pytest.mark.skipif(clickhouse_command() is None, reason="no ClickHouse here"),
]

VERSION = "v1"
USERS, ITEMS, FURTHER_ITEMS = 1_000, 60, 3_000
EVENTS_PER_S = 160
#: Bounds are minutes, and a machine that runs tests makes them longer.
WITHIN_S = 420.0
#: A second of each client's reading, which is far less than what a worker restores.
THROTTLED_BYTES_PER_S = 500
MISTAKEN_WORKER = Path(harness_cluster.__file__).with_name("failing_lists_worker.py")


def rules() -> str:
    """With a week of a process that takes seconds, as windows do."""
    text, week = quick_rules(), "7 * 86400"
    assert week in text
    return text.replace(week, "20")


def item_entries(topic: str, numbers: range, *, removed: bool = False) -> list[OutgoingRecord]:
    """Everybody may see them."""
    return [
        OutgoingRecord(
            topic,
            f"i{number}".encode(),
            None if removed else orjson.dumps({"title": f"Title {number}", "genres": [f"g{number % 7}"]}),
        )
        for number in numbers
    ]


class World:
    """Everything that runs, and people who use what they are shown unless a drill says otherwise."""

    def __init__(self, stack: LocalStack, cluster: Cluster, sink: SinkWorld, clickhouse: ClickHouseServer) -> None:
        self.stack, self.cluster, self.sink, self.clickhouse = stack, cluster, sink, clickhouse
        self.ports = {name: free_port() for name in ("first", "second", "endpoint", "sink")}
        self.first = self.worker("first")
        self.endpoint = self._endpoint()
        self._start("sink", [str(FRESHET), "sink", "clickhouse"], sink.environment)
        jobs = {
            "freshet-worker": [self.ports["first"], self.ports["second"]],
            "freshet-endpoint": [self.ports["endpoint"]],
            "freshet-sink": [self.ports["sink"]],
        }
        self.prometheus = Prometheus(cluster.place.folder, jobs, rules())
        self.they_click, self.they_follow_lists = True, True
        self.reads_per_s = 3.0
        self._random = random.Random(7)

    # -- processes ------------------------------------------------------------------------------------------------

    def worker(self, name: str, *, mistaken: bool = False) -> Probed:
        """A started worker."""
        command = [str(MISTAKEN_WORKER)] if mistaken else [str(FRESHET), "worker"]
        return self._start(name, command, self.cluster.place.environment(VERSION))

    def _endpoint(self) -> Probed:
        environment = self.cluster.place.environment(VERSION)
        environment |= {"FRESHET_ENDPOINT_PORT": str(self.ports["endpoint"])}
        return self._start("endpoint", [str(FRESHET), "serve"], environment)

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> Probed:
        own = environment | {"FRESHET_METRICS_PORT": str(self.ports[name])}
        process = WorkerProcess(f"{name}-{secrets.token_hex(2)}", command, own, self.cluster.place.folder)
        return Probed(self.cluster.workers.add(process), self.ports[name])

    async def is_counted(self, *counters: str) -> None:
        """Returns when Prometheus would see if these grew."""

        async def all_are() -> bool:
            return all([await self.prometheus.query(f"increase({name}[20s])") for name in counters])

        await eventually("counters are looked at", all_are)

    # -- people ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """People read, and use items, as long as the body runs."""
        readers = asyncio.create_task(self._read())
        try:
            async with live_load(self._use, per_s=EVENTS_PER_S, chunk=20):
                yield
        finally:
            readers.cancel()
            await asyncio.gather(readers, return_exceptions=True)

    async def _use(self, count: int) -> None:
        """Things are liked that stand first on people's lists, or far down; whoever has none begins with anything."""
        topic, chosen = self.cluster.topics.interactions, []
        for _ in range(count):
            user = f"u{self._random.randrange(USERS)}"
            value = self.cluster.list_bytes(user)
            listed = [] if value is None else [one["item_id"] for one in self.cluster.listed(value)["recommendations"]]
            wanted = listed[:1] if self.they_follow_lists else listed[10:11]
            chosen.append((user, wanted[0] if wanted else f"i{self._random.randrange(ITEMS)}"))
        await self.cluster.publish(event_record(topic, user, item, event_type="like") for user, item in chosen)

    async def _read(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.endpoint.port}/api/v1") as client:
            while True:
                user = f"u{self._random.randrange(USERS)}"
                with suppress(httpx.TransportError):
                    answer = await client.get(f"/recommendations?user_id={user}")
                    if answer.status_code == 200 and self.they_click:
                        await self._click(user, answer.json())
                await asyncio.sleep(1 / self.reads_per_s)

    async def _click(self, user: str, answer: dict[str, object]) -> None:
        shown = answer["recommendations"]
        assert isinstance(shown, list)
        fields = {"event_type": "click", "recommendation_id": answer["recommendation_id"]}
        topic = self.cluster.topics.interactions
        await self.cluster.publish(event_record(topic, user, item["item_id"], **fields) for item in shown[:6])

    # -- faults ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def more_readers_than_a_core_serves(self) -> AsyncIterator[None]:
        """Four hundred ask at the same moment, and again as soon as all have their answers."""

        async def ask() -> None:
            async with Herd(self.endpoint.port, 400) as herd:
                while True:
                    await herd.ask([f"/api/v1/recommendations?user_id=u{number}" for number in range(400)])

        async with _meanwhile(ask()):
            yield

    @asynccontextmanager
    async def a_rush_of_searches(self) -> AsyncIterator[None]:
        """Three hundred people search at the same moment, again and again, for what nobody searched before."""

        async def search() -> None:
            async with Herd(self.endpoint.port, 300) as herd:
                for number in itertools.count():
                    await herd.ask([f"/api/v1/search?q=titel%20{number}x{one}" for one in range(300)])

        async with _meanwhile(search()):
            yield

    @asynccontextmanager
    async def a_transaction_that_nobody_ends(self) -> AsyncIterator[None]:
        """Nobody who reads committed records gets beyond it."""
        producer = clients.producer(
            self.stack.bootstrap, transactional_id=f"hangs-{secrets.token_hex(4)}", transaction_timeout_ms=900_000
        )
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(self.cluster.topics.interactions, b"{}", b"u0", 0)
            yield
            await producer.abort_transaction()
        finally:
            await producer.stop()

    @asynccontextmanager
    async def a_release_with_a_mistake(self) -> AsyncIterator[None]:
        """A second worker, in which no list of some people can be made; the fix is to stop it."""
        worker = self.worker("second", mistaken=True)
        await worker.ready()
        await self.is_counted(f'freshet_lists_total{{instance="127.0.0.1:{worker.port}"}}')
        unlucky = asyncio.create_task(self._unlucky_do_something())
        try:
            yield
        finally:
            unlucky.cancel()
            await asyncio.gather(unlucky, return_exceptions=True)
            await worker.process.terminate()

    async def _unlucky_do_something(self) -> None:
        topic = self.cluster.topics.interactions
        for number in itertools.count():
            await self.cluster.publish_one(event_record(topic, f"{UNLUCKY}-{number}", "i1", event_type="like"))
            await asyncio.sleep(0.3)

    @asynccontextmanager
    async def readers_who_never_click(self) -> AsyncIterator[None]:
        """Many times as many as there were."""
        self.they_click, self.reads_per_s = False, 100.0
        yield
        self.they_click, self.reads_per_s = True, 3.0

    @asynccontextmanager
    async def people_who_want_something_else(self) -> AsyncIterator[None]:
        """They like what stands far down their lists."""
        self.they_follow_lists = False
        yield
        self.they_follow_lists = True

    @asynccontextmanager
    async def items_that_nobody_is_shown(self) -> AsyncIterator[None]:
        """Fifty times the catalogue, all at once; the fix is to take them back."""
        topic, more = self.cluster.topics.catalog, range(ITEMS, ITEMS + FURTHER_ITEMS)
        await self.cluster.publish(item_entries(topic, more))
        yield
        await self.cluster.publish(item_entries(topic, more, removed=True))

    @asynccontextmanager
    async def a_store_that_stands_still(self) -> AsyncIterator[None]:
        """ClickHouse does not answer, while more is shown than the bound to one partition of users."""
        pid = self.clickhouse.pid()
        assert pid is not None
        store = psutil.Process(pid)
        store.suspend()
        try:
            topic = self.cluster.topics.served
            for part in range(11):
                names = (f"{part}-{number}" for number in range(10_000))
                await self.cluster.publish(shown_record(topic, "u1", ["i1"], recommendation_id=name) for name in names)
            yield
        finally:
            store.resume()

    @asynccontextmanager
    async def a_column_that_became_too_small(self) -> AsyncIterator[None]:
        """Somebody altered a table: what has a large position does not fit any more."""
        column = "ALTER TABLE {db}.recommendation_events MODIFY COLUMN position"
        self.sink.rows(f"{column} Int8")
        topic = self.cluster.topics.interactions
        await self.cluster.publish(event_record(topic, "u1", "i1", position=300 + number) for number in range(5))
        yield
        self.sink.rows(f"{column} Int32")

    @asynccontextmanager
    async def a_broker_that_throttles(self) -> AsyncIterator[None]:
        """A quota on reading, while a worker takes over what another one owned."""
        second = self.worker("second")
        await second.ready()

        async def owns_half() -> bool:
            page = await second.scrape()
            places = [dict(labels) for labels in page.samples["freshet_position"]]
            return sum(place["topic"] == self.cluster.topics.interactions for place in places) == PARTITIONS // 2

        await eventually("the second worker owns half", owns_half)
        await self._quota("--add-config", f"consumer_byte_rate={THROTTLED_BYTES_PER_S}")
        try:
            await second.process.terminate()
            yield
        finally:
            await self._quota("--delete-config", "consumer_byte_rate")

    async def _quota(self, *change: str) -> None:
        command = [find_java(), "-cp", kafka_class_path(), "kafka.admin.ConfigCommand"]
        command += ["--bootstrap-server", self.stack.bootstrap, "--alter", *change]
        command += ["--entity-type", "clients", "--entity-default"]
        changing = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
        said, _ = await changing.communicate()
        assert changing.returncode == 0, said.decode()


@asynccontextmanager
async def _meanwhile(*work: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouseServer]:
    server = ClickHouseServer(tmp_path / "clickhouse", free_port())
    server.start()
    yield server
    server.stop()
    server.wipe()


@asynccontextmanager
async def running(stack: LocalStack, folder: Path, clickhouse: ClickHouseServer) -> AsyncIterator[World]:
    """A system with some minutes behind it, of which no drilled alert fires."""
    stack.start()
    place = StackConfig(stack.bootstrap, stack.redis_url, f"test-{secrets.token_hex(4)}", folder)
    async with Cluster(place, VERSION) as cluster:
        await cluster.publish(item_entries(cluster.topics.catalog, range(ITEMS)))
        sink = SinkWorld(place, clickhouse)
        applied = await asyncio.to_thread(sink.freshet, "schema", "apply", "clickhouse")
        assert applied.returncode == 0, applied.stderr
        world = World(stack, cluster, sink, clickhouse)
        try:
            await world.first.ready()
            await world.endpoint.ready()
            async with world.used():
                await world.is_counted("freshet_sink_refused_records_total", "freshet_endpoint_requests_total")
                await world.is_counted("freshet_lists_total", "freshet_next_items_evaluated_total")
                yield world
        finally:
            world.prometheus.stop()


async def drilled(prometheus: Prometheus, name: str, fault: AbstractAsyncContextManager[None]) -> str:
    """What is wrong with an alert, "" when nothing is."""

    async def fires() -> bool:
        return name in await prometheus.firing()

    async def is_silent() -> bool:
        return not await fires()

    missed = "it fires without its fault"
    try:
        await eventually(f"{name} is silent", is_silent, WITHIN_S)
        missed = "it does not fire"
        async with fault:
            await eventually(f"{name} fires", fires, WITHIN_S)
            missed = "it does not end with its fault"
        await eventually(f"{name} is silent again", is_silent, WITHIN_S)
    except (AssertionError, OSError, psutil.Error) as error:
        return f"{missed}: {error}"
    return ""


async def test_each_alert_fires_for_its_fault_and_is_silent_before_and_after(
    own_stack: LocalStack, tmp_path: Path, clickhouse: ClickHouseServer
) -> None:
    found: dict[str, str] = {}
    async with running(own_stack, tmp_path, clickhouse) as world:
        drills = {
            "FreshetSinkRefused": world.a_column_that_became_too_small,
            "FreshetEndpointSlow": world.more_readers_than_a_core_serves,
            "FreshetEndpointFails": world.a_rush_of_searches,
            "FreshetListsFail": world.a_release_with_a_mistake,
            "FreshetQualityDrop": world.people_who_want_something_else,
            "FreshetClickRateLow": world.readers_who_never_click,
            "FreshetCoverageLow": world.items_that_nobody_is_shown,
            "FreshetLagHigh": world.a_transaction_that_nobody_ends,
            "FreshetSinkBehind": world.a_store_that_stands_still,
            "FreshetRestoreLong": world.a_broker_that_throttles,
        }
        for name, fault in drills.items():
            found[name] = await drilled(world.prometheus, name, fault())
            print(f"{name}: {found[name] or 'fired for its fault, and not before and after'}", flush=True)
    wrong = {name: why for name, why in found.items() if why}
    assert not wrong, orjson.dumps(wrong, option=orjson.OPT_INDENT_2).decode()
