"""Lists' freshness while sinks run whose stores are away, beside the same load without sinks, in pairs of one run."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from freshness_live import Live, Load, Row

from ops.configuration.settings import Settings
from ops.configuration.sinks import cassandra_address, clickhouse_address
from ops.group_progress import GroupProgress
from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from ops.local_stack.server import LocalServer
from ops.processes.child_settings import environment_of
from ops.processes.supervisor import ProcessSupervisor
from ops.processes.waiting import until
from streams.kafka.topics import Topics
from streams.sinks.cassandra.client import CassandraClient
from streams.sinks.cassandra.schema import apply as apply_cassandra
from streams.sinks.clickhouse.schema import apply as apply_clickhouse
from streams.sinks.clickhouse.server import Server

ALONE, AWAY = "no sinks", "sinks, stores away"
_CAUGHT_UP_S = 120.0


class SinksOfAwayStores:
    """Sinks into servers of their own, which are stopped once the sinks have begun to write."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._servers: dict[str, LocalServer] = {"cassandra": CassandraServer(folder, free_port())}
        if clickhouse_command() is None:
            print(f"{HOW_TO_INSTALL}; Cassandra alone is measured", file=sys.stderr)
        else:
            self._servers["clickhouse"] = ClickHouseServer(folder, free_port())
        urls = {f"{name}_url": f"{name}://{server.address}" for name, server in self._servers.items()}
        self._settings = settings.model_copy(update=urls)
        self._folder = folder

    @contextmanager
    def made(self) -> Iterator[None]:
        """The tables are there while the body runs."""
        with ExitStack() as ends:
            for name, server in self._servers.items():
                ends.callback(server.kill)
                server.start()
                self._apply_schema(name)
                server.stop()
            yield

    def _apply_schema(self, name: str) -> None:
        if name == "clickhouse":
            client = Server(clickhouse_address(self._settings))
            apply_clickhouse(client, ttl_days=0)
            client.close()
        else:
            session = CassandraClient(cassandra_address(self._settings))
            apply_cassandra(session, replication=1)
            session.close()

    async def start(self, supervisor: ProcessSupervisor) -> None:
        """Returns when the sinks have written what there is, and their stores are gone since."""
        for name, server in self._servers.items():
            server.start()
            command = [sys.executable, "-m", "ops.cli", "sink", name]
            supervisor.start(name, command, environment_of(self._settings), self._folder / f"sink-{name}.log")
        for name in self._servers:
            await self._caught_up(name)
        for server in self._servers.values():
            server.stop()

    async def _caught_up(self, name: str) -> None:
        topics = Topics(self._settings.namespace, self._settings.model_version)
        async with GroupProgress(self._settings.kafka, topics.sink_group(name)) as progress:

            async def is_done() -> bool:
                return await progress.caught_up([topics.interactions])

            await until(is_done, _CAUGHT_UP_S, lambda: f"the sink {name} was not at the end of the log")


async def measure_pairs(live: Live, sinks: SinksOfAwayStores, load: Load, pairs: int) -> list[Row]:
    """Rows in turn without and with sinks; which is first changes with each pair. Stores and sinks are started before
    each row, so that what that costs the machine is behind both kinds."""
    rows = []
    for number in range(pairs):
        for kind in (ALONE, AWAY) if number % 2 == 0 else (AWAY, ALONE):
            supervisor = ProcessSupervisor(lambda text: print(text, file=sys.stderr, flush=True))
            try:
                await sinks.start(supervisor)
                if kind == ALONE:
                    supervisor.stop()
                row = await live.row(load) | {"beside": kind, "pair": number + 1}
                supervisor.check()
            finally:
                supervisor.stop()
            rows.append(row)
    return rows


def of_pairs(rows: list[Row]) -> Row:
    """The medians of both kinds, and the ratio of them: 1 = lists notice nothing."""
    found: Row = {}
    for name in ("p50_ms", "p99_ms"):
        alone, away = (median(row[name] for row in rows if row["beside"] == kind) for kind in (ALONE, AWAY))
        found[name] = {ALONE: alone, AWAY: away, "ratio": round(away / alone, 3)}
    return found
