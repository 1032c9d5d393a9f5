"""Real `freshet sink cassandra` processes on a real Cassandra, and a recount of the log by other code."""

import json
import random
import secrets
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiokafka.structs import ConsumerRecord

from harness.cluster import FRESHET, Cluster, StackConfig
from harness.processes import WorkerProcess, Workers
from harness.traffic import ITEMS, USERS, Traffic, event_record
from harness.watch import GroupWatch
from ops.group_progress import GroupProgress
from ops.local_stack.cassandra_server import CassandraServer
from streams.kafka.bulk_read import pass_over, read_topics
from streams.sinks.cassandra.address import CassandraAddress
from streams.sinks.cassandra.client import CassandraClient

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WATCHES = ("play", "watch_start", "watch_progress", "watch_end")
EPOCH = datetime(1970, 1, 1)

Figures = tuple[float | None, float | None]


class CassandraWorld:
    """A cluster of workers, sink processes beside it, and a connection to Cassandra."""

    def __init__(self, place: StackConfig, cassandra: CassandraServer, **settings: str) -> None:
        self.place = place
        self.cluster = Cluster(place, "v1")
        self.topics = self.cluster.topics
        self.server = cassandra
        self.sinks = Workers()
        self._url = f"cassandra://{cassandra.address}"
        self._settings = {"FRESHET_SINK_FLUSH_S": "0.3", "FRESHET_SINK_BLOCK_RECORDS": "300"} | settings
        self.address = CassandraAddress.from_url(self._url, place.namespace)
        self.client = CassandraClient(self.address)
        self._traffic = Traffic(self.topics.interactions, seed=secrets.randbits(30))
        self._random = random.Random(secrets.randbits(30))

    @property
    def environment(self) -> dict[str, str]:
        """FRESHET_* of a process."""
        return self.place.environment("v1") | {"FRESHET_CASSANDRA_URL": self._url} | self._settings

    async def __aenter__(self) -> "CassandraWorld":
        await self.cluster.__aenter__()
        self.progress = await GroupProgress(self.place.bootstrap, self.topics.sink_group("cassandra")).__aenter__()
        self.group = GroupWatch(self.progress, self.topics.interactions, self.sinks)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.sinks.end()
        self.client.close()
        await self.progress.__aexit__(None, None, None)
        await self.cluster.__aexit__(None, None, None)

    def start_sink(self, name: str, *arguments: str) -> WorkerProcess:
        """A started `freshet sink cassandra`."""
        command = [str(FRESHET), "sink", "cassandra", *arguments]
        return self.sinks.add(WorkerProcess(name, command, self.environment, self.place.folder))

    async def publish_traffic(self, count: int) -> None:
        """Random events of every kind that is stored, a few of them duplicates, late or unusable."""
        records = self._traffic.records(count)
        for number in range(0, len(records), 10):
            user, item = f"u{self._random.randrange(USERS)}", f"i{self._random.randrange(ITEMS)}"
            kind = self._random.choice(("search", "hide", "watch_start"))
            fields: dict[str, object] = {"event_type": kind}
            if kind == "search":
                fields |= {"query": self._random.choice(("noir", "space opera")), "item_id": None}
            records.insert(number, event_record(self.topics.interactions, user, item, **fields))
        await self.cluster.publish(records)

    async def caught_up(self, timeout_s: float = 120) -> None:
        """Until everything that was published is in the store, but for ratings of items."""
        await self.group.caught_up([self.topics.interactions, self.topics.erasure], timeout_s)

    def rows(self, query: str) -> list[Any]:
        """An answer; `{ks}` is the keyspace."""
        return self.client.ask(query.replace("{ks}", self.address.keyspace))

    def drop(self) -> None:
        """Removes the keyspace."""
        self.client.run(f"DROP KEYSPACE IF EXISTS {self.address.keyspace}")


@dataclass
class Recount:
    """What the log holds. Keys are those of the tables; times are in ms. Figures are seconds watched and percent."""

    history: dict[tuple[str, int, str], Figures] = field(default_factory=dict)
    views: set[tuple[str, int, int, str]] = field(default_factory=set)
    ratings: dict[tuple[str, int, str], float] = field(default_factory=dict)
    searches: set[tuple[str, int, str]] = field(default_factory=set)
    watching: set[tuple[str, int, str]] = field(default_factory=set)
    rated: dict[str, dict[float, int]] = field(default_factory=dict)

    @classmethod
    async def of(cls, bootstrap: str, interactions: str) -> "Recount":
        """Reads the topic from the start."""
        made, now_ms = cls(), time.time_ns() // 1_000_000
        seen: set[tuple[str, str]] = set()
        said: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
        rated: dict[str, list[float]] = defaultdict(list)
        cells: dict[tuple[object, ...], tuple[int, Any]] = {}

        def newest(cell: tuple[object, ...], offset: int, value: Any) -> Any:
            """Of events in one millisecond the one with the higher offset, modulo 500."""
            if value is not None and (cell not in cells or offset % 500 >= cells[cell][0]):
                cells[cell] = offset % 500, value
            return cells.get(cell, (0, None))[1]

        def count(record: ConsumerRecord) -> None:
            try:
                event = json.loads(record.value)
            except ValueError:
                return
            user, item, kind, at = event["user_id"], event["item_id"], event["event_type"], event["timestamp"]
            age_days = (now_ms - at) / DAY_MS
            if kind == "rating":
                place = (user, at, item)
                made.ratings[place] = newest(("rating", *place), record.offset, event["rating"])
                if (user, event["event_id"]) not in seen and age_days < 90:
                    rated[item].append(event["rating"])
            seen.add((user, event["event_id"]))
            if age_days < 30 and kind in ("view", *WATCHES):
                made.views.add((item, at // DAY_MS, at % DAY_MS // HOUR_MS, user))
            if age_days > 90:
                return
            if kind in WATCHES:
                place = (user, at, item)
                figures = event.get("watch_duration"), event.get("completion_pct")
                made.history[place] = (
                    newest(("watch_duration", *place), record.offset, figures[0]),
                    newest(("completion_pct", *place), record.offset, figures[1]),
                )
            if kind == "search":
                made.searches.add((user, at, event["query"]))
            if kind == "hide" or kind in ("watch_start", "watch_progress", "watch_end"):
                said[user, item].append((at, _is_over(event)))

        await read_topics(bootstrap, [interactions], count, pass_over)
        for (user, item), states in said.items():
            at, is_over = max(states)
            if not is_over:
                made.watching.add((user, at, item))
        made.rated = {item: {star: own.count(star) for star in set(own)} for item, own in rated.items()}
        return made

    def assert_equals(self, world: CassandraWorld) -> None:
        """Rows in the store are those of the recount, difference 0, but for ratings of items."""
        found = world.rows(
            "SELECT user_id, watched_at, content_id, watch_duration_s, completion_pct FROM {ks}.user_watch_history"
        )
        have = {(row.user_id, ms(row.watched_at), row.content_id): tuple(row[3:]) for row in found}
        assert_same("user_watch_history", have, self.history)
        found = world.rows("SELECT content_id, view_date, view_hour, user_id FROM {ks}.content_views")
        assert {
            (row.content_id, row.view_date.days_from_epoch, row.view_hour, row.user_id) for row in found
        } == self.views
        found = world.rows("SELECT user_id, rated_at, content_id, rating FROM {ks}.user_ratings")
        assert {(row.user_id, ms(row.rated_at), row.content_id): row.rating for row in found} == self.ratings
        found = world.rows("SELECT user_id, searched_at, query FROM {ks}.user_searches")
        assert {(row.user_id, ms(row.searched_at), row.query) for row in found} == self.searches
        found = world.rows("SELECT user_id, last_watched_at, content_id FROM {ks}.continue_watching")
        assert sorted((row.user_id, ms(row.last_watched_at), row.content_id) for row in found) == sorted(self.watching)

    def has_said(self, published: dict[str, dict[float, int]]) -> bool:
        """Whether the log holds what was folded. Not all is: users who do more than a day's share are left out."""
        return bool(published) and all(
            count <= self.rated.get(item, {}).get(star, 0)
            for item, stars in published.items()
            for star, count in stars.items()
        )


async def published_ratings(world: CassandraWorld) -> dict[str, dict[float, int]]:
    """How many ratings of each item by half stars, as the item plane has published them."""
    found: dict[str, dict[float, int]] = {}

    def read(record: ConsumerRecord) -> None:
        if record.key[:1] == b"c" and record.value is not None:
            half_stars = msgspec.msgpack.decode(record.value)[11]
            found[record.key[1:].decode()] = {(at + 1) / 2: count for at, count in enumerate(half_stars) if count}

    await read_topics(world.place.bootstrap, [world.topics.item_model], read, pass_over)
    return {item: stars for item, stars in found.items() if stars}


def stored_ratings(world: CassandraWorld) -> dict[str, dict[float, int]]:
    """The same as Cassandra has it, where number, sum and average fit."""
    found = world.rows("SELECT * FROM {ks}.content_ratings_agg")
    for row in found:
        number, total = sum(row.distribution.values()), sum(star * count for star, count in row.distribution.items())
        assert (row.rating_count, row.rating_sum, row.average_rating) == (number, total, total / number)
    return {row.content_id: dict(row.distribution) for row in found}


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch of a time that the client read."""
    return round((moment - EPOCH) / timedelta(milliseconds=1))


def assert_same(table: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    """Says which rows differ."""
    wrong = [(key, found.get(key), wanted.get(key)) for key in found.keys() | wanted.keys()]
    wrong = [one for one in wrong if one[1] != one[2]]
    assert not wrong, f"{len(wrong)} of {len(wanted)} rows of {table} differ; key, found, wanted: {wrong[:5]}"


def _is_over(event: dict[str, Any]) -> bool:
    percent, seconds = event.get("completion_pct"), event.get("watch_duration")
    if event["event_type"] == "hide":
        return True
    if percent is None:
        return event["event_type"] == "watch_end" and seconds is None
    return bool(percent >= (90 if event["event_type"] == "watch_end" else 95))
