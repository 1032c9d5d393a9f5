"""Real `freshet sink` processes on a real ClickHouse, and a recount of the log that shares no code with them."""

import json
import os
import random
import secrets
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from harness.cluster import FRESHET, PARTITIONS, StackConfig
from harness.commands import Done, freshet
from harness.patience import Patience
from harness.polling import eventually
from harness.processes import WorkerProcess, Workers
from harness.traffic import ITEMS, Traffic
from harness.watch import GroupWatch
from ops.group_progress import GroupProgress
from ops.local_stack.clickhouse_server import ClickHouseServer
from streams.contract.partitioning import partition_of
from streams.contract.user_records import record_key
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics_admin import ensure_topics
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.server import Server
from streams.sinks.sink import StoreUnavailable

HOUR_MS = 3_600_000
DROP_S = 120
ALGORITHMS = ("co_occurrence", "sequential", "embedding", "trending", "popular", "explore")
SURFACES = ("recommendations", "homepage", "similar")


class SinkWorld:
    """A namespace with topics, a producer, sink processes and a connection to ClickHouse."""

    def __init__(self, place: StackConfig, clickhouse: ClickHouseServer, **settings: str) -> None:
        self.place = place
        self.topics = place.topics("v1")
        self.server = clickhouse
        self.workers = Workers()
        self._url = f"clickhouse://{clickhouse.address}"
        self._settings = {"FRESHET_SINK_FLUSH_S": "0.3", "FRESHET_SINK_BLOCK_RECORDS": "200"} | settings
        self.address = ClickHouseAddress.from_url(self._url, place.namespace)
        self.client = Server(self.address)
        self._traffic = Traffic(self.topics.interactions, seed=secrets.randbits(30))
        self._random = random.Random(secrets.randbits(30))

    @property
    def environment(self) -> dict[str, str]:
        """FRESHET_* of a process."""
        return self.place.environment("v1") | {"FRESHET_CLICKHOUSE_URL": self._url} | self._settings

    async def __aenter__(self) -> "SinkWorld":
        ensure_topics(self.place.bootstrap, self.topics, PARTITIONS, replication=1, timeout_s=30)
        self.producer = await Producer(self.place.bootstrap).__aenter__()
        self.progress = await GroupProgress(self.place.bootstrap, self.topics.sink_group("clickhouse")).__aenter__()
        self.group = GroupWatch(self.progress, self.topics.interactions, self.workers)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.workers.end()
        self.client.close()
        await self.progress.__aexit__(None, None, None)
        await self.producer.__aexit__(None, None, None)

    async def freshet_beside(self, *arguments: str) -> Done:
        """The same; whatever else the test runs goes on meanwhile."""
        return await freshet(*arguments, environment=self.environment, folder=self.place.folder)

    def freshet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that has ended."""
        return subprocess.run(
            [str(FRESHET), *arguments],
            env=self.process_environment,
            cwd=self.place.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def process_environment(self) -> dict[str, str]:
        """The same with what a process needs besides."""
        return {**os.environ, **self.environment}

    def start_sink(self, name: str, *arguments: str) -> WorkerProcess:
        """A started `freshet sink clickhouse`."""
        command = [str(FRESHET), "sink", "clickhouse", *arguments]
        return self.workers.add(WorkerProcess(name, command, self.environment, self.place.folder))

    async def publish_traffic(self, count: int) -> None:
        """Random events, a few of them duplicates, late or unusable, and lists that were shown among them."""
        records = self._traffic.records(count)
        shown = [self._shown(record) for record in records if record.key and self._random.random() < 0.05]
        await self.producer.publish_all([*shown, *records])

    def _shown(self, record: OutgoingRecord) -> OutgoingRecord:
        user = (record.key or b"").decode()
        items = self._random.sample(range(ITEMS), 10)
        return shown_record(
            self.topics.served,
            user,
            [f"i{number}" for number in items],
            recommendation_id=secrets.token_hex(6),
            algorithm=self._random.choice(ALGORITHMS),
            variant=self._random.choice("ab"),
            surface=self._random.choice(SURFACES),
        )

    async def caught_up(self) -> None:
        """Until everything is in the store, and the sums are made."""
        await self.group.caught_up([self.topics.served, self.topics.interactions, self.topics.erasure])

        async def nothing_to_do() -> bool:
            return self.to_do() == 0

        await eventually("sums are made", nothing_to_do)

    def to_do(self) -> int:
        """Hours whose sums are not made yet."""
        return int(
            self.ask(
                "SELECT count() FROM (SELECT hour FROM {db}.sums_to_do GROUP BY hour, reason HAVING max(done) = 0)"
            )
        )

    def ask(self, query: str) -> object:
        """The first value of an answer."""
        return self.rows(query)[0][0]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """An answer; `{db}` is the database."""
        return self.client.ask(query.replace("{db}", self.address.database))

    def drop(self) -> None:
        """Removes the database; a server that merges much takes longer than one answer may."""
        patience = Patience(DROP_S)
        while True:
            try:
                self.client.ask(f"DROP DATABASE IF EXISTS {self.address.database}")
                return
            except StoreUnavailable:
                if patience.is_over:
                    raise


def shown_record(
    topic: str,
    user: str,
    items: list[str],
    *,
    recommendation_id: str,
    algorithm: str = "popular",
    variant: str = "v1",
    surface: str = "recommendations",
    at_ms: int | None = None,
    **fields: object,
) -> OutgoingRecord:
    """A record of `recommendation.served`, as the endpoint writes it."""
    shown = {
        "user_id": user,
        "recommendation_id": recommendation_id,
        "surface": surface,
        "timestamp": time.time_ns() // 1_000_000 if at_ms is None else at_ms,
        "variant": variant,
        "model_version": "v1",
        "items": [
            {"item_id": item, "position": position, "score": 0.5, "algorithm": algorithm}
            for position, item in enumerate(items)
        ],
        **fields,
    }
    partition = partition_of(user.encode(), PARTITIONS)
    return OutgoingRecord(topic, record_key(user, secrets.token_hex(6)), json.dumps(shown).encode(), partition)


@dataclass
class Recount:
    """What the log holds, each event of a user once. Keys are as in the tables."""

    events: Counter[tuple[int, str, str]]  # hour (s), content, type
    by_user: Counter[tuple[str, str]]  # user, type
    shown: Counter[tuple[int, str, str]]  # hour (s), algorithm, variant

    @classmethod
    async def of(cls, bootstrap: str, interactions: str, served: str) -> "Recount":
        """Reads both topics from the start."""
        seen: set[tuple[str, str, int]] = set()
        made = cls(Counter(), Counter(), Counter())

        def count_event(record: ConsumerRecord) -> None:
            try:
                event = json.loads(record.value)
            except ValueError:
                return
            hour = event["timestamp"] // HOUR_MS * (HOUR_MS // 1000)
            name = event["user_id"], event["event_id"], hour
            if name not in seen:
                seen.add(name)
                made.events[hour, event["item_id"], event["event_type"]] += 1
                made.by_user[event["user_id"], event["event_type"]] += 1

        def count_list(record: ConsumerRecord) -> None:
            shown = json.loads(record.value)
            hour = shown["timestamp"] // HOUR_MS * (HOUR_MS // 1000)
            for item in shown["items"]:
                made.shown[hour, item["algorithm"], shown["variant"]] += 1

        await read_topics(bootstrap, [interactions], count_event, pass_over)
        await read_topics(bootstrap, [served], count_list, pass_over)
        return made

    def assert_equals(self, world: SinkWorld) -> None:
        """Rows and all sums in the store are those of the recount, difference 0."""
        rows = world.rows(
            "SELECT toUInt32(event_hour), content_id, event_type, count() FROM {db}.recommendation_events FINAL "
            "WHERE event_type != 'served' GROUP BY event_hour, content_id, event_type"
        )
        assert {tuple(key): count for *key, count in rows} == dict(self.events)
        shown = world.rows(
            "SELECT toUInt32(hour), algorithm, variant, sum(served) FROM {db}.recommendation_metrics FINAL "
            "GROUP BY hour, algorithm, variant HAVING sum(served) > 0"
        )
        assert {tuple(key): count for *key, count in shown} == dict(self.shown)
        for kind, column in (("click", "clicks"), ("impression", "impressions"), ("like", "likes")):
            content = world.rows(
                f"SELECT toUInt32(hour), content_id, sum({column}) FROM {{db}}.content_metrics_hourly FINAL "
                f"GROUP BY hour, content_id HAVING sum({column}) > 0"
            )
            wanted = {(hour, item): count for (hour, item, of), count in self.events.items() if of == kind}
            assert {tuple(key): count for *key, count in content} == wanted
            users = world.rows(
                f"SELECT user_id, sum({column}) FROM {{db}}.user_metrics_daily FINAL "
                f"GROUP BY user_id HAVING sum({column}) > 0"
            )
            wanted_users = {user: count for (user, of), count in self.by_user.items() if of == kind}
            assert dict(users) == wanted_users
