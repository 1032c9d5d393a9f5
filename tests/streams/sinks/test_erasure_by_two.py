"""One process removes a user while another makes sums of what it noted."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from harness.embedded_clickhouse import Embedded

from streams.contract.events import EventType, Interaction
from streams.sinks.clickhouse import sums as of_sums
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.schema import EVENTS, TO_DO, USERS, apply
from streams.sinks.clickhouse.server import Server
from streams.sinks.clickhouse.sink import ClickHouseSink
from streams.sinks.clickhouse.sums import FORGOTTEN_EVERY_S, Sums
from streams.sinks.sink import Block, Erasure, Event, StoreUnavailable

NOW = 1_760_000_000_000
ERASURE = Erasure("user.erasure:0:1", ("gone",), "user.interactions", 0, 1000, NOW)
ENDS = count(100)


class Interrupted:
    """A connection on which something happens before and after rows of a table are deleted."""

    def __init__(self, server: Server, table: str, before: Callable[[], Any], after: Callable[[], Any]) -> None:
        self.address, self.version, self.of_inserts = server.address, server.version, server.of_inserts
        self.ask, self.insert, self.close = server.ask, server.insert, server.close
        self.ask_about, self.numbers_of = server.ask_about, server.numbers_of
        self._server, self._table, self._before, self._after = server, table, before, after

    def delete(self, table: str, where: str, parameters: dict[str, Any]) -> None:
        """Deletes as the server does."""
        if table == self._table:
            self._before()
        self._server.delete(table, where, parameters)
        if table == self._table:
            self._after()


@pytest.fixture(scope="module", params=["installed", "embedded"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With tables."""
    if request.param == "embedded":
        made: Server = Embedded(tmp_path_factory.mktemp("embedded"), "by_two")
    else:
        host, port = request.getfixturevalue("clickhouse").address.split(":")
        made = Server(ClickHouseAddress(host, int(port), "by_two"))
    apply(made, ttl_days=0)
    yield made
    made.ask(f"DROP DATABASE {made.address.database}")
    made.close()


def write(sink: ClickHouseSink) -> None:
    """Likes of one item by two users, with their sums."""
    likes = [Interaction(f"e{user}", EventType.LIKE, user, "x", NOW) for user in ("gone", "kept")]
    # Of a name of its own: a server of today would know the same block again, and not store it.
    block = Block(
        "user.interactions", 0, 0, next(ENDS), events=tuple(Event(n, NOW, like) for n, like in enumerate(likes))
    )
    sink.write(sink.rows(block), block.name)
    make_sums(sink)


def make_sums(sink: ClickHouseSink) -> None:
    """As if the last time were long ago."""
    ClickHouseSink(sink._server).maintain()


def likes_of_items(server: Server) -> int:
    return int(server.ask(f"SELECT sum(likes) FROM {server.address.database}.content_metrics_hourly FINAL")[0][0])


def users_with_sums(server: Server) -> list[Any]:
    return [user for (user,) in server.ask(f"SELECT DISTINCT user_id FROM {server.address.database}.{USERS}")]


def nothing() -> None:
    """Happens."""


def test_sums_that_were_made_before_the_rows_were_gone_are_made_again(server: Server) -> None:
    sink = ClickHouseSink(server)
    write(sink)
    noticed = Interrupted(server, EVENTS, before=lambda: make_sums(sink), after=nothing)
    ClickHouseSink(noticed).erase(ERASURE)  # type: ignore[arg-type]
    make_sums(sink)
    assert (sink.count(ERASURE), likes_of_items(server)) == (0, 1)


def test_a_crash_after_the_rows_were_gone_loses_no_hours(server: Server) -> None:
    def crash() -> None:
        raise StoreUnavailable("away")

    sink = ClickHouseSink(server)
    write(sink)
    crashing = Interrupted(server, EVENTS, before=lambda: make_sums(sink), after=crash)
    with pytest.raises(StoreUnavailable):
        ClickHouseSink(crashing).erase(ERASURE)  # type: ignore[arg-type]
    sink.erase(ERASURE)
    make_sums(sink)
    assert (sink.count(ERASURE), likes_of_items(server)) == (0, 1)


def test_sums_of_the_user_that_are_put_back_go(server: Server) -> None:
    def put_back() -> None:
        names = "day, user_id, likes, events, made_at"
        day = f"toDate({NOW // 86_400_000})"
        server.ask(f"INSERT INTO {server.address.database}.{USERS} ({names}) SELECT {day}, 'gone', 1, 1, {NOW * 10**6}")

    sink = ClickHouseSink(server)
    write(sink)
    late = Interrupted(server, USERS, before=nothing, after=put_back)
    ClickHouseSink(late).erase(ERASURE)  # type: ignore[arg-type]
    make_sums(sink)
    assert users_with_sums(server) == ["kept"]


def test_notes_of_what_was_done_long_ago_are_forgotten(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def notes() -> set[tuple[str, int]]:
        found = server.ask(f"SELECT reason, max(done) FROM {server.address.database}.{TO_DO} GROUP BY reason")
        return {(str(reason).split()[0], int(done)) for reason, done in found}

    make_sums(ClickHouseSink(server))
    server.ask(f"TRUNCATE TABLE {server.address.database}.{TO_DO}")
    hour_s, days_s = NOW // 3_600_000 * 3600, 3 * 86_400
    with monkeypatch.context() as then:
        then.setattr(of_sums.time, "time", lambda: time.time_ns() / 1e9 - days_s)
        Sums(server).note([hour_s], "old")
    Sums(server).note([hour_s], "new")
    Sums(server).make_again(0.0)
    with monkeypatch.context() as then:
        then.setattr(of_sums.time, "time", lambda: time.time_ns() / 1e9 - days_s)
        Sums(server).note([hour_s], "old-and-not-done")
    sums = Sums(server)
    sums.forget_done(time.monotonic())
    assert notes() == {("old", 1), ("new", 1), ("old-and-not-done", 0)}, "it is too soon"

    sums.forget_done(time.monotonic() + FORGOTTEN_EVERY_S)

    assert notes() == {("new", 1), ("old-and-not-done", 0)}


def test_events_of_more_than_a_hundred_months_are_one_write(server: Server) -> None:
    month_ms, sink = 31 * 86_400_000, ClickHouseSink(server)
    old = [Interaction(f"m{n}", EventType.LIKE, "ages", "y", NOW - n * month_ms) for n in range(120)]
    block = Block("user.interactions", 1, 0, 200, events=tuple(Event(n, NOW, like) for n, like in enumerate(old)))
    sink.write(sink.rows(block), block.name)
    stored = server.ask(f"SELECT count() FROM {server.address.database}.{EVENTS} WHERE user_id = 'ages'")
    assert int(stored[0][0]) == len(old)
