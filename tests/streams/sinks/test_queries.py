"""The analysts' queries give the known answers of a small log, on a real server."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.embedded_clickhouse import Embedded

from streams.contract.events import EventType, Interaction
from streams.contract.served import ServedItem, ServedList
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.schema import apply
from streams.sinks.clickhouse.server import Server
from streams.sinks.clickhouse.sink import ClickHouseSink
from streams.sinks.sink import Attribution, Block, Erasure, Event, Shown

QUERIES = Path(__file__).parents[3] / "docs" / "queries"
HOUR = 3_600_000
NOW = time.time_ns() // 1_000_000 // HOUR * HOUR - HOUR  # whole, and past
DAY = 24 * HOUR
DATABASE = "queries"


class SmallLog:
    """Two lists that were shown, and what came of them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lists: list[Shown] = []

    def shows(self, user: str, algorithm: str, variant: str, at_ms: int, *items: str) -> ServedList:
        """A list of one generator."""
        placed = tuple(ServedItem(item, place, 0.5, algorithm) for place, item in enumerate(items))
        shown = ServedList(
            f"r{len(self.lists)}", "recommendations", at_ms, placed, user_id=user, variant=variant, source="personal"
        )
        self.lists.append(Shown(len(self.lists), at_ms, f"x.{len(self.lists)}", shown))
        return shown

    def does(
        self, user: str, kind: EventType, item: str, at_ms: int, of: ServedList | None = None, **more: object
    ) -> None:
        """An event, perhaps of a list."""
        number = len(self.events)
        event = Interaction(f"e{number}", kind, user, item, at_ms, **more)  # type: ignore[arg-type]
        found = None
        if of is not None:
            found = Attribution(of, next(one for one in of.items if one.item_id == item), "recommendation_id")
        self.events.append(Event(number, at_ms, event, found))


def small_log() -> SmallLog:
    """What the answers below are of."""
    log = SmallLog()
    log.does("old", EventType.VIEW, "classic", NOW - 100 * DAY)
    first = log.shows("u1", "sequential", "a", NOW, "x", "y", "classic", "z")
    second = log.shows("u2", "popular", "b", NOW, "x", "y")
    log.shows("u1", "popular", "a", NOW - 40 * DAY, "gone")
    log.does("u1", EventType.CLICK, "y", NOW + 1, first)
    log.does("u1", EventType.PLAY, "y", NOW + 2, first)
    log.does("u1", EventType.WATCH_END, "y", NOW + 3, first, completion_pct=95.0, watch_duration_s=3600.0)
    log.does("u2", EventType.CLICK, "x", NOW + 4, second)
    log.does("u2", EventType.PLAY, "x", NOW + 5)
    log.does("u2", EventType.WATCH_END, "x", NOW + 6, completion_pct=45.0, watch_duration_s=1800.0)
    log.does("u2", EventType.WATCH_END, "y", NOW + 7, completion_pct=85.0)
    return log


@pytest.fixture(scope="module", params=["installed", "embedded"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the small log in it, written twice."""
    if request.param == "embedded":
        made: Server = Embedded(tmp_path_factory.mktemp("embedded"), DATABASE)
    else:
        host, port = request.getfixturevalue("clickhouse").address.split(":")
        made = Server(ClickHouseAddress(host, int(port), DATABASE))
    sink, log = ClickHouseSink(made), small_log()
    assert apply(made, ttl_days=400).differs == ()
    sink.prepare()
    for _ in range(2):
        for block in (
            Block("user.interactions", 0, 0, 100, events=tuple(log.events)),
            Block("recommendation.served", 0, 0, 100, lists=tuple(log.lists)),
        ):
            sink.write(sink.rows(block), block.name)
    sink.maintain()
    yield made
    made.ask(f"DROP DATABASE {DATABASE}")
    sink.close()


def answer(server: Server, name: str) -> list[tuple[object, ...]]:
    """What a query of docs/queries says in the database of the test."""
    query = (QUERIES / f"{name}.sql").read_text()
    for table in ("recommendation_metrics", "content_metrics_hourly", "recommendation_events", "user_metrics_daily"):
        query = query.replace(f"FROM {table} FINAL", f"FROM {DATABASE}.{table} FINAL")
    return server.ask(query)


def test_ctr(server: Server) -> None:
    assert answer(server, "ctr_by_algorithm_and_variant") == [
        ("popular", "b", 2, 1, 0.5, 0.5),
        ("sequential", "a", 4, 1, 0.25, 1.5),
    ]


def test_top_content(server: Server) -> None:
    assert answer(server, "top_content_7d") == [("x", 1, 1, 0.5), ("y", 1, 1, 1.0)]


def test_coverage(server: Server) -> None:
    assert answer(server, "coverage_30d") == [(4, 5, 0.8)]


def test_watch_rate(server: Server) -> None:
    assert answer(server, "watch_rate") == [("sequential", "a", 4, 1, 0.25), ("popular", "b", 2, 0, 0.0)]


def test_completion(server: Server) -> None:
    assert answer(server, "completion_rate") == [("y", 2, 0.5, 90.0), ("x", 1, 0.0, 45.0)]


def test_freshness(server: Server) -> None:
    (found,) = answer(server, "catalogue_freshness")
    assert found[1:] == (6, round(5 / 6, 4)), "all but the classic"


def test_novelty(server: Server) -> None:
    # of two users, u1 and u2, lately one used x, two used y, nobody the others
    one, two, none = (-math.log2((users + 1) / 3) for users in (1, 2, 0))
    assert answer(server, "novelty") == [
        ("sequential", 4, round((one + two + 2 * none) / 4, 3)),
        ("popular", 2, round((one + two) / 2, 3)),
    ]


def test_a_user_is_removed_and_sums_are_made_again(server: Server) -> None:
    sink = ClickHouseSink(server)
    erasure = Erasure("user.erasure:0:1", ("u3",), "user.interactions", 0, 1000, NOW)
    liked = Interaction("e9", EventType.LIKE, "u3", "nobody else's", NOW)
    block = Block("user.interactions", 0, 500, 600, events=(Event(500, NOW, liked),))
    sink.write(sink.rows(block), block.name)
    sink.maintain()
    likes = f"SELECT sum(likes) FROM {DATABASE}.content_metrics_hourly FINAL"
    assert (sink.count(erasure), int(server.ask(likes)[0][0])) == (1, 1)

    sink.erase(erasure)
    # As after a crash here: somebody else makes the sums, of what is noted.
    other = ClickHouseSink(server)
    other.maintain()

    assert (other.count(erasure), int(server.ask(likes)[0][0])) == (0, 0)
    other.erase(erasure)


def test_of_two_records_of_one_event_the_earlier_stays(server: Server) -> None:
    sink = ClickHouseSink(server)
    event = Interaction("twice", EventType.SKIP, "u4", "x", NOW - HOUR)
    for offset in (701, 700, 702):
        block = Block("user.interactions", 0, offset, offset + 1, events=(Event(offset, NOW, event),))
        sink.write(sink.rows(block), block.name)
    kept = f"SELECT toUInt32(source_offset) FROM {DATABASE}.recommendation_events FINAL WHERE event_id = 'twice'"
    assert [int(offset) for (offset,) in server.ask(kept)] == [700]


def test_every_query_has_an_answer_here() -> None:
    tested = Path(__file__).read_text()
    assert [file.stem for file in QUERIES.glob("*.sql") if f'"{file.stem}"' not in tested] == []
