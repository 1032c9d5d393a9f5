"""A store that is not there is one sentence, and the client's own log says nothing beside it."""

import logging

import pytest

from ops.local_stack.ports import free_port
from streams.sinks.cassandra.address import CassandraAddress
from streams.sinks.cassandra.client import CassandraClient
from streams.sinks.sink import StoreUnavailable


def test_who_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    client = CassandraClient(CassandraAddress.from_url(f"cassandra://127.0.0.1:{port}"))
    with caplog.at_level(logging.INFO), pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
        client.ask("SELECT 1")
    assert caplog.records == []
