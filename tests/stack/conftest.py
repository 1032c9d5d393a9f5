"""One log for all tests here, and one worker that reads it undisturbed: what every other version must agree with."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import redis
from harness.cluster import Cluster, StackConfig
from harness.endpoint import endpoint_of
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.traffic import catalogue

from agents.versions.registry import read_registry
from ops.local_stack.stack import LocalStack
from streams.kafka.topics_admin import delete_namespace

REFERENCE = "ref"
PRELOADED = 2_000
#: Databases of Valkey that tests here may empty.
REFERENCE_DB = 8
TEST_DB = 9


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each process that tests would make a log of its own for a file that does not say that it shares one."""
    for item in items:
        shares = "log" in getattr(item, "fixturenames", ()) and item.path.parent == Path(__file__).parent
        if shares and item.get_closest_marker("shared_log") is None:
            raise pytest.UsageError(f"{item.nodeid} uses the shared log and is not marked `shared_log`")


@pytest.fixture(scope="package")
def log(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackConfig]:
    """A namespace with a catalogue and some thousand events, followed by the reference worker."""
    namespace = f"test-{secrets.token_hex(4)}"
    place = StackConfig(stack.bootstrap, _database(stack, REFERENCE_DB), namespace, tmp_path_factory.mktemp("log"))
    asyncio.run(_preload(place))
    # An interpreter of its own: all that fork one have its hash seed, and nothing may depend on that.
    command = [sys.executable, str(FRESHET), "worker"]
    worker = WorkerProcess(REFERENCE, command, place.environment(REFERENCE), place.folder)
    asyncio.run(_served_by_it(place))
    yield place
    worker.ask_to_end()
    exit_code = worker.wait()
    delete_namespace(stack.bootstrap, namespace)
    for database in (REFERENCE_DB, TEST_DB):
        with redis.Redis.from_url(_database(stack, database)) as client:
            client.flushdb()
    assert exit_code == 0, worker.log_text


@pytest.fixture
async def reference(log: StackConfig) -> AsyncIterator[Cluster]:
    """The version that nothing is done to."""
    async with Cluster(log, REFERENCE) as cluster:
        yield cluster


@pytest.fixture
async def cluster(stack: LocalStack, log: StackConfig, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A version of the test's own over the same log; its workers are ended after the test."""
    place = StackConfig(log.bootstrap, _database(stack, TEST_DB), log.namespace, tmp_path)
    async with Cluster(place, f"v-{secrets.token_hex(4)}") as made:
        yield made


@pytest.fixture
async def endpoint(reference: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an endpoint process that serves the reference version's lists."""
    async with endpoint_of(reference) as client:
        yield client


async def _served_by_it(place: StackConfig) -> None:
    """Whoever is the first of a namespace serves it, and writes its dead letters: not the version of a test."""

    async def serves() -> bool:
        current = (await read_registry(place.bootstrap, place.topics(REFERENCE))).current
        return current is not None and current.leader == REFERENCE

    await eventually("the reference worker serves everybody", serves)


async def _preload(place: StackConfig) -> None:
    async with Cluster(place, REFERENCE) as cluster:
        await cluster.publish(catalogue(cluster.topics.catalog))
        await cluster.publish_traffic(PRELOADED)


def _database(stack: LocalStack, number: int) -> str:
    return stack.redis_url.rpartition("/")[0] + f"/{number}"
