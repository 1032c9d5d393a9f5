"""One session: every fault in turn over one log, under load, each with an account of its own."""

import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType

from chaos_cluster import ChaosCluster, DetouredPlace, open_proxies
from contents import contents_settle
from harness.cluster import PARTITIONS, StackConfig
from harness.traffic import USERS, catalogue, children
from ledger import Balance
from reference import rows_that_differ
from report import FaultResult, Report
from views import first_views

from ops.local_stack.stack import LocalStack
from streams.kafka.topics_admin import ensure_topics

BROKERS = 3
NAMESPACE = "chaos"
VERSIONS = ("v1", "reference")
#: Events before the first worker starts.
PRELOADED = 2_000
LOAD_PER_S = 250
REFERENCE_DB = 1
#: Users who say in every fault that they are children.
CHANGED_PROFILES = 5


class Session:
    """Runs faults and keeps what they did; `report` is complete when `run` is over, however it ended."""

    def __init__(self, folder: Path, say: Callable[[str], None] | None) -> None:
        self.report = Report()
        self._folder = folder
        self._say = say or (lambda _: None)
        self._before = Balance()
        self._random = random.Random(0)

    async def run(self, faults: Iterable[ModuleType], runs: int) -> None:
        """Each fault `runs` times. Stops at the first one after which service does not come back."""
        stack = LocalStack.on_free_ports(self._folder / "servers", BROKERS)
        try:
            stack.start()
            async with _cluster(stack, self._folder) as cluster:
                for fault in faults:
                    await self._run_fault(cluster, fault, runs)
                await self._compare(cluster, stack)
        except (AssertionError, OSError) as failure:
            self.report.failed = str(failure)
        finally:
            stack.stop()

    async def _run_fault(self, cluster: ChaosCluster, fault: ModuleType, runs: int) -> None:
        result = FaultResult(fault.__name__.rpartition(".")[2])
        self.report.faults.append(result)
        for _ in range(runs):
            await self._run_once(cluster, fault, result)
            self._say(str(result.as_dict()))

    async def _run_once(self, cluster: ChaosCluster, fault: ModuleType, result: FaultResult) -> None:
        published = cluster.ledger.count
        members = (cluster.first, cluster.second)
        for worker in members:
            worker.exits.clear()
        async with cluster.load(LOAD_PER_S):
            await cluster.group.members_are(len(members))
            await cluster.group.all_partitions_move()
            self._say(f"{result.fault} begins")
            await fault.begin(cluster)
            await cluster.publish(
                children(cluster.topics.profiles, self._random.sample(range(USERS), CHANGED_PROFILES))
            )
            await fault.heal(cluster)
            healed_s = time.monotonic()
            self._say(f"{result.fault} is healed")
            await cluster.group.all_partitions_move()
        await cluster.wait_until_caught_up()
        await cluster.lists_are_current()
        result.full_service_s = max(result.full_service_s, time.monotonic() - healed_s)
        contents = await contents_settle(cluster)
        result.runs += 1
        result.events += cluster.ledger.count - published
        result.exits += [code for worker in members for code in worker.exits]
        result.contents_differ += len(contents.wrong)
        if contents.wrong:
            self._say(f"{result.fault}: {contents.wrong}")
        now = await cluster.balance()
        result.balance += now.since(self._before)
        self._before = now

    async def _compare(self, cluster: ChaosCluster, stack: LocalStack) -> None:
        redis_url = stack.redis_url.rpartition("/")[0] + f"/{REFERENCE_DB}"
        place = StackConfig(stack.bootstrap, redis_url, NAMESPACE, self._folder)
        self.report.rows_differ = await rows_that_differ(cluster, place)
        self.report.lists_behind = len(await cluster.lists_behind())
        self._say(f"rows that differ: {self.report.rows_differ}, lists behind: {self.report.lists_behind}")


@asynccontextmanager
async def _cluster(stack: LocalStack, folder: Path) -> AsyncIterator[ChaosCluster]:
    async with AsyncExitStack() as opened:
        proxies = await open_proxies(stack, opened)
        detours = {port: proxy.port for port, proxy in proxies.items()}
        place = DetouredPlace(stack.bootstrap, stack.redis_url, NAMESPACE, folder, detours)
        for version in VERSIONS:  # before anybody creates them with fewer replicas
            ensure_topics(stack.bootstrap, place.topics(version), PARTITIONS, replication=BROKERS, timeout_s=60)
        cluster = await opened.enter_async_context(ChaosCluster(stack, place, proxies.values()))
        await cluster.publish(catalogue(cluster.topics.catalog))
        await cluster.publish(children(cluster.topics.profiles))
        await cluster.publish(first_views(cluster.topics.interactions, PARTITIONS))
        await cluster.publish_traffic(PRELOADED)
        cluster.start_workers()
        yield cluster
