"""The sink on a real Cassandra: tables, what overwrites what, what expires, what an erasure leaves."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from harness.cassandra import ms

from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.ports import free_port
from streams.contract.events import EventType, Interaction
from streams.sinks.cassandra.address import CassandraAddress, ConsistencyLevels
from streams.sinks.cassandra.client import CassandraClient
from streams.sinks.cassandra.item_ratings import ItemRatingsSource
from streams.sinks.cassandra.schema import apply
from streams.sinks.cassandra.sink import CassandraSink
from streams.sinks.cassandra.tables import OF_USERS, TABLES
from streams.sinks.schema_report import Difference
from streams.sinks.sink import Block, Erasure, Event, RowsRefused, SchemaMissing, StoreUnavailable

pytestmark = pytest.mark.stack

NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 86_400_000
Ask = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def address(cassandra: CassandraServer) -> Iterator[CassandraAddress]:
    """A keyspace of this file's own, with tables."""
    made = CassandraAddress.from_url(f"cassandra://{cassandra.address}/store_{secrets.token_hex(4)}")
    server = CassandraClient(made)
    assert apply(server, replication=1).differs == ()
    yield made
    server.run(f"DROP KEYSPACE {made.keyspace}")
    server.close()


@pytest.fixture
def sink(address: CassandraAddress) -> Iterator[CassandraSink]:
    """A sink that nobody tells of ratings of items."""
    made = sink_at(address)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def ask(address: CassandraAddress) -> Iterator[Ask]:
    """Asks; `{ks}` is the keyspace."""
    server = CassandraClient(address)
    yield lambda query: server.ask(query.replace("{ks}", address.keyspace))
    server.close()


@pytest.fixture
def user() -> str:
    """Nobody else's."""
    return f"u-{secrets.token_hex(4)}"


def sink_at(address: CassandraAddress) -> CassandraSink:
    nothing = ItemRatingsSource("", "", "v1", lambda _key, _value: None)
    return CassandraSink(address, ConsistencyLevels(), nothing)


def event(offset: int, user: str, kind: str, at_ms: int = NOW_MS, item: str = "i", **fields: Any) -> Event:
    return Event(offset, NOW_MS, Interaction(f"e{offset}", EventType(kind), user, item, at_ms, **fields))


def write(sink: CassandraSink, *events: Event) -> None:
    sink.write(sink.rows(Block("log", 0, 0, 100, events)), "block")


def test_tables_are_made_once_and_what_differs_is_said(cassandra: CassandraServer) -> None:
    server = CassandraClient(
        CassandraAddress.from_url(f"cassandra://{cassandra.address}/schema_{secrets.token_hex(4)}")
    )
    sink, keyspace = sink_at(server.address), server.address.keyspace
    with pytest.raises(SchemaMissing, match="freshet schema apply cassandra"):
        sink.prepare()
    copies = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
    server.run(f"CREATE KEYSPACE {keyspace} WITH replication = {copies}")
    server.run(f"CREATE TABLE {keyspace}.continue_watching (user_id text PRIMARY KEY, last_watched_at timestamp)")
    server.run(
        f"CREATE TABLE {keyspace}.user_searches (user_id text, searched_at timestamp, query text, event_id text, "
        "session_id text, device_type text, country text, language text, source_partition int, source_offset bigint, "
        "mine int, PRIMARY KEY (user_id, searched_at, query)) WITH CLUSTERING ORDER BY (searched_at DESC, query ASC)"
    )
    first = apply(server, replication=1)
    assert set(first.created) == {table.name for table in TABLES} - {"continue_watching", "user_searches"}
    assert {difference.table for difference in first.differs} == {"continue_watching", "user_searches"}
    assert Difference("user_searches", "default_time_to_live", "7776000 s", "0 s") in first.differs
    assert Difference("continue_watching", "column content_id", "text", "missing") in first.differs
    place = Difference("continue_watching", "the place of column last_watched_at", "clustering 1 desc", "a value")
    assert place in first.differs
    again = apply(server, replication=1)
    assert (again.created, again.differs) == ((), first.differs)
    with pytest.raises(SchemaMissing, match="continue_watching: "):
        sink.prepare()
    sink.close()
    server.run(f"DROP KEYSPACE {keyspace}")
    server.close()


def test_an_older_event_and_a_record_sent_again_overwrite_nothing(sink: CassandraSink, ask: Ask, user: str) -> None:
    hour = NOW_MS // 3_600_000 * 3_600_000
    newer = event(1, user, "view", hour + 50_000, device_type="tv")
    older = event(2, user, "view", hour + 10_000, device_type="mobile", session_id="s1")
    write(sink, newer)
    write(sink, older)
    write(sink, newer)
    (row,) = ask(
        f"SELECT viewed_at, device_type, session_id, event_id FROM {{ks}}.content_views WHERE user_id = '{user}'"
    )
    assert (ms(row.viewed_at), row.device_type, row.event_id) == (hour + 50_000, "tv", "e1")
    assert row.session_id == "s1"  # the newer event said nothing of it: no tombstone
    (times,) = ask(f"SELECT WRITETIME(viewed_at) AS at FROM {{ks}}.content_views WHERE user_id = '{user}'")
    assert times.at == (hour + 50_000) * 1000 + 1  # and the offset


def test_rows_expire_by_when_it_happened(sink: CassandraSink, ask: Ask, user: str) -> None:
    write(sink, event(1, user, "play", NOW_MS - 80 * DAY_MS), event(2, user, "play", NOW_MS - 95 * DAY_MS))
    (row,) = ask(f"SELECT TTL(event_type) AS left FROM {{ks}}.user_watch_history WHERE user_id = '{user}'")
    assert 9 * 86_400 < row.left <= 10 * 86_400
    assert ask(f"SELECT user_id FROM {{ks}}.content_views WHERE user_id = '{user}'") == []


def test_what_is_continued_is_one_row_an_item_and_leaves_when_it_is_over(
    sink: CassandraSink, ask: Ask, user: str
) -> None:
    query = f"SELECT last_watched_at, content_id, completion_pct FROM {{ks}}.continue_watching WHERE user_id = '{user}'"
    begun = event(1, user, "watch_progress", NOW_MS - 9_000, completion_pct=10.0)
    further = event(2, user, "watch_progress", NOW_MS - 5_000, completion_pct=30.0)
    other = event(3, user, "watch_start", NOW_MS - 7_000, item="j")
    write(sink, begun)
    write(sink, further, other)
    write(sink, begun)
    assert [(ms(row[0]), *row[1:]) for row in ask(query)] == [(NOW_MS - 5_000, "i", 30.0), (NOW_MS - 7_000, "j", 0.0)]
    write(sink, event(4, user, "watch_end", NOW_MS - 1_000, completion_pct=99.0))
    write(sink, further)
    assert [row.content_id for row in ask(query)] == ["j"]
    write(sink, event(5, user, "hide", NOW_MS, item="j"))
    assert ask(query) == []


def test_an_erasure_reaches_every_table_and_leaves_what_came_later(sink: CassandraSink, ask: Ask, user: str) -> None:
    before = NOW_MS - 60_000
    kinds = ("view", "watch_start", "watch_progress", "rating", "search")
    fields: dict[str, dict[str, Any]] = {"rating": {"rating": 4.0}, "search": {"query": "noir"}}
    history = [event(n, user, kind, before - n, **fields.get(kind, {})) for n, kind in enumerate(kinds)]
    ahead = event(9, user, "watch_start", NOW_MS + 120_000, item="ahead")  # of a clock that is fast
    came_back = event(50, user, "watch_start", NOW_MS + 1_000, item="back")
    write(sink, *history, ahead)
    erasure = Erasure("order", (user, "sent"), "log", 0, 20, NOW_MS)
    views, watches, others, continued = 2, 3, 2, 2
    assert sink.count(erasure) == views + watches + others + continued * 2
    write(sink, came_back)
    sink.erase(erasure)
    assert sink.count(erasure) == 0
    write(sink, *history)  # of a process that was frozen: in no table of the user
    left = {
        table.name: len(ask(f"SELECT source_offset FROM {{ks}}.{table.name} WHERE user_id = '{user}'"))
        for table in OF_USERS
    }
    assert left == {
        "user_watch_history": 1,
        "user_ratings": 0,
        "user_searches": 0,
        "continue_watching": 1,
        "watching_state": 1,
    }


def test_a_row_that_cannot_be_stored_is_refused_and_the_others_can_be(sink: CassandraSink, ask: Ask, user: str) -> None:
    good, bad = event(1, user, "search", query="noir"), event(2, user, "search", query="x" * 70_000)
    with pytest.raises(RowsRefused, match="Key length"):
        write(sink, good, bad)
    write(sink, good)
    assert [row.query for row in ask(f"SELECT query FROM {{ks}}.user_searches WHERE user_id = '{user}'")] == ["noir"]


def test_a_store_that_is_not_there_is_unavailable_and_no_password_is_said(address: CassandraAddress) -> None:
    away = replace(address, port=free_port(), user="freshet", password="very secret")
    sink = sink_at(away)
    with pytest.raises(StoreUnavailable) as said:
        sink.prepare()
    assert "very secret" not in str(said.value) + repr(away)
    sink.close()


def test_of_two_events_in_one_millisecond_the_later_one_of_the_log_stays(
    sink: CassandraSink, ask: Ask, user: str
) -> None:
    """However often each of them is sent: how long a cell has left changes with that, and nothing follows from it."""
    first = event(1, user, "watch_progress", watch_duration_s=900.0, completion_pct=90.0)
    second = event(2, user, "watch_progress", watch_duration_s=600.0)
    write(sink, first, second)
    begin_s = int(time.time())
    while int(time.time()) < begin_s + 2:
        write(sink, first)

    for table in ("user_watch_history", "continue_watching", "watching_state"):
        (row,) = ask(f"SELECT * FROM {{ks}}.{table} WHERE user_id = '{user}'")
        assert (row.watch_duration_s, row.source_offset) == (600.0, 2), table
    (row,) = ask(f"SELECT completion_pct FROM {{ks}}.user_watch_history WHERE user_id = '{user}'")
    assert row.completion_pct == 90.0, "the second one says nothing of it"
