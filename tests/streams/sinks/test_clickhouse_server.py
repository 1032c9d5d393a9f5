"""What failures of a connection are taken for."""

import socket

import pytest

from streams.sinks.clickhouse import server as of_server
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.server import Server
from streams.sinks.sink import StoreUnavailable


def test_a_connection_that_times_out_refuses_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_server, "CONNECT_TIMEOUT_S", 0.2)
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):  # nobody accepts them: the backlog is full
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        server = Server(ClickHouseAddress("127.0.0.1", listening.getsockname()[1], "freshet"))
        with pytest.raises(StoreUnavailable, match="209"):
            server.insert("t", ("a",), ([1],))
        with pytest.raises(StoreUnavailable, match="209"):
            server.ask("SELECT 1")
