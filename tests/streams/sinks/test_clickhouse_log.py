"""A server that notes every statement: what it keeps of a user who was erased."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from streams.contract.events import EventType, Interaction
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.schema import apply
from streams.sinks.clickhouse.server import Server
from streams.sinks.clickhouse.sink import ClickHouseSink
from streams.sinks.sink import Block, Erasure, Event

pytestmark = pytest.mark.stack

NOW = 1_760_000_000_000


class Noting(ClickHouseServer):
    """Notes statements in `system.query_log`, and on its disk."""

    def prepare(self) -> list[str]:
        command = super().prepare()
        config, users = self.folder / "config.xml", self.folder / "users.xml"
        log = (
            "<query_log><database>system</database><table>query_log</table>"
            "<flush_interval_milliseconds>100</flush_interval_milliseconds></query_log></yandex>"
        )
        config.write_text(config.read_text().replace("</yandex>", log))
        users.write_text(
            users.read_text().replace("<default><max_mem", "<default><log_queries>1</log_queries><max_mem")
        )
        return command


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if clickhouse_command() is None:
        pytest.skip(HOW_TO_INSTALL)
    noting = Noting(tmp_path, free_port())
    noting.start()
    made = Server(ClickHouseAddress("127.0.0.1", noting.port, "noted"))
    apply(made, ttl_days=0)
    yield made
    made.close()
    noting.stop()


def test_the_id_of_an_erased_user_is_in_no_log_of_the_server(server: Server) -> None:
    gone, sink = f"gone-{secrets.token_hex(8)}", ClickHouseSink(server)
    likes = [Interaction(f"e{user}", EventType.LIKE, user, "x", NOW) for user in (gone, "kept")]
    block = Block("log", 0, 0, 10, events=tuple(Event(n, NOW, like) for n, like in enumerate(likes)))
    sink.write(sink.rows(block), block.name)
    sink.maintain()
    erasure = Erasure("user.erasure:0:1", (gone,), "log", 0, 1000, NOW)
    assert sink.count(erasure) == 1

    sink.erase(erasure)

    assert sink.count(erasure) == 0
    ClickHouseSink(server).maintain()
    kept = server.ask("SELECT DISTINCT user_id FROM noted.recommendation_events")
    assert [user for (user,) in kept] == ["kept"]
    server.ask("SYSTEM FLUSH LOGS")
    noted = [str(row) for row in server.ask("SELECT query, exception FROM system.query_log")]
    assert any("recommendation_events" in row for row in noted), "the server notes what it is asked"
    assert not [row for row in noted if gone in row]
    mutations = [str(row) for row in server.ask("SELECT command FROM system.mutations")]
    assert mutations
    assert not [row for row in mutations if gone in row]
