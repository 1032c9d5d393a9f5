"""A real ClickHouse for all tests here, where a server is installed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness.cluster import StackConfig
from harness.sinks import SinkWorld

from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack


@pytest.fixture(scope="package")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A started server of our own."""
    if clickhouse_command() is None:
        pytest.skip(HOW_TO_INSTALL)
    server = ClickHouseServer(tmp_path_factory.mktemp("clickhouse"), free_port())
    server.start()
    yield server
    server.stop()
    server.wipe()


@pytest.fixture
async def world(
    stack: LocalStack, namespace: str, clickhouse: ClickHouseServer, tmp_path: Path
) -> AsyncIterator[SinkWorld]:
    """A namespace of the test's own; its tables are made by `freshet schema apply clickhouse`."""
    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    async with SinkWorld(place, clickhouse) as made:
        applied = made.freshet("schema", "apply", "clickhouse")
        assert applied.returncode == 0, applied.stderr
        yield made
        if clickhouse.pid() is not None:
            made.drop()
