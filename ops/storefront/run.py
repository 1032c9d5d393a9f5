"""Servers, workers, endpoint, collect, people who watch, and the page; all of it gone at the end."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, aclosing
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from offline.simulator.vocabulary import GENRES
from offline.simulator.world import World
from offline.traffic import SimulatedTraffic
from ops.configuration.settings import Settings
from ops.demo.alongside import alongside
from ops.demo.endpoint_client import EndpointClient
from ops.demo.freshness import FreshnessProbe
from ops.demo.namespace import Namespace, fresh_name
from ops.demo.publisher import DemoPublisher
from ops.demo.run_folder import RunFolder
from ops.demo.servers import DemoServers
from ops.demo.view import View
from ops.demo.workers import Workers
from ops.group_progress import GroupProgress
from ops.local_stack.ports import LOOPBACK, free_port
from ops.processes.child_settings import WORKERS, environment_of, start_endpoint, start_workers
from ops.processes.interrupts import Interrupts
from ops.processes.supervisor import ProcessSupervisor
from ops.storefront.app import Storefront
from ops.storefront.figures import Figures
from ops.storefront.operator_acts import OperatorActs
from serving.redis_clients import nodes_of
from streams.contract.events import InvalidEvent, parse_interaction
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer

#: Others who watch meanwhile: enough for trends, few enough for a laptop.
EVENTS_PER_S = 20.0
#: What happened before the page opens, so that items have been learned from.
PAST_EVENTS = 3_000
_SEED, _USERS, _ITEMS = 7, 300, 400
_REDIS_TIMEOUT_S = 5.0
_LONGEST_RUN_MS = 24 * 3_600 * 1000
COUNTRIES = ("DE", "FR", "GB", "JP", "US", "BR")


def run_storefront(settings: Settings, port: int, view: View) -> None:
    """Serves the page until it is interrupted. Call it in the main thread. Raises as `run_demo`."""
    name = fresh_name().replace("demo", "store")
    own = settings.state_dir / "storefront" / name
    origins = f"http://{LOOPBACK}:{port},http://localhost:{port}"
    settings = settings.model_copy(
        update={
            "namespace": name,
            "endpoint_host": LOOPBACK,
            "endpoint_port": free_port(),
            "endpoint_workers": 1,
            "endpoint_metrics_dir": own / "endpoint-metrics",
            "endpoint_cors_origins": origins,
            "collect_host": LOOPBACK,
            "collect_port": free_port(),
            "collect_cors_origins": origins,
            "metrics_port": free_port(1 + WORKERS),
        }
    )
    with Interrupts() as interrupts, ExitStack() as undo:
        servers = DemoServers(settings)
        undo.callback(servers.stop_own)
        with interrupts.allowed():
            servers.up()
        namespace = Namespace(settings)
        undo.callback(namespace.remove)
        namespace.create()
        folder = undo.enter_context(RunFolder(own, view.notice))
        supervisor = ProcessSupervisor(view.notice)
        undo.callback(supervisor.stop)
        interrupts.run(_serve(namespace, port, supervisor, view, folder))


async def _serve(namespace: Namespace, port: int, supervisor: ProcessSupervisor, view: View, folder: Path) -> None:
    settings, topics = namespace.settings, namespace.topics
    start_workers(supervisor, settings, folder)
    start_endpoint(supervisor, settings, folder)
    command = [sys.executable, "-m", "ops.cli", "collect"]
    supervisor.start("collect", command, environment_of(settings), folder / "collect.log")
    redis = nodes_of(settings.redis_url, _REDIS_TIMEOUT_S)
    async with (
        aclosing(redis),
        Producer(settings.kafka) as producer,
        GroupProgress(settings.kafka, topics.consumer_group) as progress,
    ):
        probe = FreshnessProbe(redis, namespace.keys)
        now_ms = time.time_ns() // 1_000_000
        world = World(
            _SEED, _USERS, _ITEMS, start_ms=now_ms - int(PAST_EVENTS / EVENTS_PER_S * 1000), events_per_s=EVENTS_PER_S
        )
        traffic = SimulatedTraffic(world, topics, until_ms=now_ms + _LONGEST_RUN_MS)

        def acknowledged(record: OutgoingRecord, acknowledgement: Acknowledgement) -> None:
            try:
                event = parse_interaction(record.value, time.time_ns() // 1_000_000)
            except InvalidEvent:  # as broken as some of real producers are: it becomes a dead letter
                return
            probe.offer(event.user_id, acknowledgement.partition, acknowledgement.offset)

        await producer.publish_all([*traffic.catalog(), *traffic.profiles()])
        publisher = DemoPublisher(producer, topics.interactions, acknowledged)
        worker_ports = [settings.metrics_port + number for number in range(1, WORKERS + 1)]
        figures = Figures(namespace, progress, supervisor, probe, settings.collect_port, worker_ports)
        config = {
            "endpoint": f"http://{LOOPBACK}:{settings.endpoint_port}",
            "collect": f"http://{LOOPBACK}:{settings.collect_port}",
            "genres": list(GENRES),
            "countries": list(COUNTRIES),
        }
        acts = OperatorActs(settings, supervisor, folder)
        app = Storefront(config, producer, topics, figures, acts.all, port)
        server = Server(
            app,
            address=LOOPBACK,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
        )

        async def page() -> None:
            await Workers(redis, namespace.keys, topics, settings.partitions).wait_until_ready(WORKERS)
            await EndpointClient(settings.endpoint_host, settings.endpoint_port).wait_until_ready()
            view.say(f"the storefront is at http://{LOOPBACK}:{port} (Ctrl-C ends it)")
            try:
                await server.serve()
            finally:
                server.stop()  # type: ignore[no-untyped-call]

        await alongside(page(), supervisor.watch(), probe.run(), figures.run(), publisher.run(traffic.events()))
