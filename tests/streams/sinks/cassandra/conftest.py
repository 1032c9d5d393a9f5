"""A real Cassandra for all tests here."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness.cassandra import CassandraWorld
from harness.cluster import StackConfig

from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.sinks.cassandra.schema import apply


@pytest.fixture(scope="package")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraServer]:
    """A started server of our own."""
    server = CassandraServer(tmp_path_factory.mktemp("cassandra"), free_port())
    server.start()
    yield server
    server.kill()
    server.wipe()


@pytest.fixture
async def world(
    stack: LocalStack, namespace: str, cassandra: CassandraServer, tmp_path: Path
) -> AsyncIterator[CassandraWorld]:
    """A namespace of the test's own, with tables."""
    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    async with CassandraWorld(place, cassandra) as made:
        assert apply(made.client, replication=1).differs == ()
        yield made
        if cassandra.pid() is not None:
            made.drop()
