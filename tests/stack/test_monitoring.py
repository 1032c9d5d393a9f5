"""A real Prometheus beside a running system: every panel has data, and alerts fire for their faults, else not.

One test, because a system with a day behind it takes a while to make: panels first, then one fault after the other.
Alerts whose faults are not made here fire in `promtool test rules` (tests/ops/test_monitoring.py).
"""

import asyncio
import json
import math
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from harness.cluster import Cluster, StackConfig
from harness.metrics import Probed, probed_worker
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.prometheus import HOW_TO_INSTALL, MONITORING, Prometheus, is_installed
from harness.sinks import SinkWorld
from harness.traffic import catalogue, event_record
from harness.watch import live_load

from ops.local_stack.clickhouse_server import ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from ops.operator.experiments.lifecycle import Lifecycle
from streams.contract.experiments import Experiment, RankingOverrides, Variant
from streams.kafka import clients
from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.skipif(not is_installed(), reason=HOW_TO_INSTALL)]

VERSION = "v1"
READERS = 40
#: Of the list at every look: more than the share below which an alert fires.
CLICKS = 6
#: Few enough for the share of personal answers.
STRANGER_EVERY = 10
#: A machine that runs tests is slow, which is no fault of what runs on it.
OF_SPEED = {"FreshetEndpointSlow", "FreshetFreshnessSlow"}


def expressions(*, with_sink: bool) -> Iterator[tuple[str, str]]:
    """(where, expression) of every panel."""
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                if with_sink or "freshet_sink_" not in target["expr"]:
                    yield f"{path.stem}: {panel['title']}", target["expr"]


class Demo:
    """Everything that runs, and readers who click."""

    def __init__(self, cluster: Cluster, worker: Probed, endpoint: Probed) -> None:
        self.cluster = cluster
        self.worker = worker
        self.endpoint = endpoint
        self._random = random.Random(7)

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Readers read, click and watch as long as the body runs."""
        readers = asyncio.create_task(self._read())
        try:
            async with live_load(self._use, per_s=40, chunk=10):  # none of it late, old or unusable
                yield
        finally:
            readers.cancel()
            (end,) = await asyncio.gather(readers, return_exceptions=True)
            assert isinstance(end, asyncio.CancelledError), end

    async def _use(self, count: int) -> None:
        topic, number = self.cluster.topics.interactions, self._random.randrange
        records = (event_record(topic, f"u{number(2 * READERS)}", f"i{number(50)}") for _ in range(count))
        await self.cluster.publish(records)

    async def _read(self) -> None:
        number = 0
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.endpoint.port}/api/v1") as client:
            while True:
                number += 1
                user = f"u{number % READERS}"
                own = f"recommendations?user_id={user}"
                more = ["recommendations?user_id=nobody"] if number % STRANGER_EVERY == 0 else []
                for path in (own, f"recommendations/homepage/{user}?limit=5", "items/i3/similar", "trending", *more):
                    try:
                        answer = await client.get(f"/{path}")
                    except httpx.TransportError:  # a fault of this test
                        continue
                    if path == own and answer.status_code == 200:
                        await self._click(user, answer.json())
                await asyncio.sleep(0.3)

    async def _click(self, user: str, answer: dict[str, Any]) -> None:
        fields = {"recommendation_id": answer["recommendation_id"]}
        items = [item["item_id"] for item in answer["recommendations"][:CLICKS]]
        topic = self.cluster.topics.interactions
        records = [event_record(topic, user, item, event_type="click", **fields) for item in items]
        records += [event_record(topic, user, item, event_type="play", **fields) for item in items[:1]]
        await self.cluster.publish(records)

    async def poison(self, count: int) -> None:
        """Records that nobody can use."""
        topic = self.cluster.topics.interactions
        await self.cluster.publish(OutgoingRecord(topic, b"u%d" % number, b"{") for number in range(count))


async def experiment(cluster: Cluster) -> None:
    """One that runs, with two variants."""
    lifecycle = Lifecycle(cluster.place.bootstrap, cluster.place.redis_url, cluster.place.namespace)
    name = f"few-{secrets.token_hex(4)}"
    variants = (Variant("control", 50), Variant("few", 50, RankingOverrides(category_max=2)))
    await lifecycle.create(Experiment(name, "ranking", name, (0, 10_000), variants, "draft", 0))
    await lifecycle.start(name)


def endpoint_process(cluster: Cluster) -> Probed:
    port = free_port()
    environment = cluster.place.environment(VERSION) | {"FRESHET_ENDPOINT_PORT": str(port)}
    process = WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, cluster.place.folder)
    return Probed(cluster.workers.add(process), port)


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouseServer | None]:
    """None where there is no server to be had: then no sink runs."""
    if clickhouse_command() is None:
        yield None
        return
    server = ClickHouseServer(tmp_path / "clickhouse", free_port())
    server.start()
    yield server
    server.stop()
    server.wipe()


async def test_every_panel_has_data_and_alerts_fire_for_their_faults(
    own_stack: LocalStack, tmp_path: Path, clickhouse: ClickHouseServer | None
) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, f"test-{secrets.token_hex(4)}", tmp_path)
    async with Cluster(place, VERSION) as cluster:
        await cluster.publish(catalogue(cluster.topics.catalog))
        await cluster.publish_traffic(1_000)
        demo = Demo(cluster, probed_worker(cluster, "worker"), endpoint_process(cluster))
        jobs = {"freshet-worker": [demo.worker.port], "freshet-endpoint": [demo.endpoint.port]}
        if clickhouse is not None:
            jobs["freshet-sink"] = [_sink(SinkWorld(place, clickhouse), cluster)]
        await demo.worker.ready()
        await demo.endpoint.ready()
        await experiment(cluster)
        prometheus = Prometheus(tmp_path, jobs)
        try:
            async with demo.used():
                await _every_panel_has_data(prometheus, with_sink=clickhouse is not None)
                assert await prometheus.firing() - OF_SPEED == set()
                await _drills(prometheus, demo, own_stack)
        finally:
            prometheus.stop()


def _sink(world: SinkWorld, cluster: Cluster) -> int:
    """The port of a sink that runs."""
    port = free_port()
    applied = world.freshet("schema", "apply", "clickhouse")
    assert applied.returncode == 0, applied.stderr
    environment = world.environment | {"FRESHET_METRICS_PORT": str(port)}
    command = [str(FRESHET), "sink", "clickhouse"]
    cluster.workers.add(WorkerProcess("sink", command, environment, cluster.place.folder))
    return port


async def _every_panel_has_data(prometheus: Prometheus, *, with_sink: bool) -> None:
    empty = dict(expressions(with_sink=with_sink))

    async def all_have() -> bool:
        for where, expression in list(empty.items()):
            found = await prometheus.query(expression)
            if any(not math.isnan(float(one["value"][1])) for one in found):
                del empty[where]
        return not empty

    async def left() -> int:
        return len(empty)

    try:
        await eventually("every panel has data", all_have, progress=left)
    except AssertionError:
        raise AssertionError(f"panels without data: {orjson.dumps(empty).decode()}") from None


async def _drills(prometheus: Prometheus, demo: Demo, stack: LocalStack) -> None:
    await demo.poison(400)
    await prometheus.fires("FreshetDeadLetters")
    await prometheus.is_silent("FreshetDeadLetters")

    stack.stop_redis(kill=True)
    await prometheus.fires("FreshetRedisUnavailable", "FreshetPersonalShareLow")
    stack.start_redis()
    await prometheus.fires("FreshetFreshnessSlow")  # lists that waited are written
    await prometheus.is_silent("FreshetRedisUnavailable", "FreshetPersonalShareLow")

    async with _hanging_transaction(stack.bootstrap, demo.cluster):
        await prometheus.fires("FreshetNoProgress")
    await prometheus.is_silent("FreshetNoProgress", "FreshetLagHigh")  # which a slow machine may see too
    assert await prometheus.firing() - OF_SPEED == set()

    await demo.worker.process.terminate()
    await prometheus.fires("FreshetProcessDown", "FreshetPartitionUnowned")


@asynccontextmanager
async def _hanging_transaction(bootstrap: str, cluster: Cluster) -> AsyncIterator[None]:
    """A producer holds a transaction open on one partition: nobody who reads committed records gets beyond it."""
    producer = clients.producer(
        bootstrap, transactional_id=f"hangs-{secrets.token_hex(4)}", transaction_timeout_ms=900_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(cluster.topics.interactions, b"{}", b"u0", 0)
        try:
            yield
        finally:
            await producer.abort_transaction()
    finally:
        await producer.stop()
