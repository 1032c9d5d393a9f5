"""Rows a second into each analytic store, from records of the log, beside a naive writer of one row at a time.

    python bench/sinks.py [--events N] [--naive-s SECONDS] [--json]

Both parse the same records and write into the same fresh server, one after the other: ours as `freshet sink` does, in
blocks; the naive one inserts each row as it comes. Kafka is not part of it. A store whose server is not installed is
left out, and said so.
"""

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
from aiokafka.structs import ConsumerRecord

from ops.exit_codes import ExitCode
from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from streams.contract.partitioning import partition_of
from streams.kafka.topics import Topics
from streams.sinks.attribution import AttributionLists
from streams.sinks.cassandra.address import CassandraAddress, ConsistencyLevels
from streams.sinks.cassandra.client import CassandraClient
from streams.sinks.cassandra.item_ratings import ItemRatingsSource
from streams.sinks.cassandra.rows import Watched
from streams.sinks.cassandra.schema import apply as apply_cassandra
from streams.sinks.cassandra.sink import Batches, CassandraSink
from streams.sinks.cassandra.watching import changes_of
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.schema import apply
from streams.sinks.clickhouse.server import Server
from streams.sinks.clickhouse.sink import ClickHouseSink
from streams.sinks.config import SinkConfig
from streams.sinks.lane import Lane
from streams.sinks.sink import Block, Sink, StoreRow

USERS, ITEMS, READ_AT_ONCE = 5_000, 2_000, 5_000
SESSION_EVENTS = 20
#: Rows by key take longer than columns: of this many events one is written.
CASSANDRA_SHARE = 4
KINDS = ("impression", "click", "view", "play", "watch_end", "like")


def records(count: int) -> list[ConsumerRecord]:
    """Events of one partition in the last hour, as they come out of Kafka."""
    now_ms = time.time_ns() // 1_000_000
    users = [user for user in (f"u{number}" for number in range(4 * USERS)) if partition_of(user.encode(), 4) == 0]
    found = []
    for number in range(count):
        event = {
            "event_id": f"e{number}",
            "event_type": KINDS[number % len(KINDS)],
            "user_id": users[number // SESSION_EVENTS * 7919 % len(users)],
            "item_id": f"i{number * 104_729 % ITEMS}",
            "timestamp": now_ms - number % 3_600_000,
            "session_id": f"s{number // SESSION_EVENTS}",
            "device_type": "tv",
            "country": "DE",
            "completion_pct": number % 100,
        }
        value = orjson.dumps(event)
        found.append(ConsumerRecord("user.interactions", 0, number, now_ms, 1, None, value, None, 0, len(value), ()))
    return found


def lane_of(block_records: int) -> Lane:
    """A partition on its way, without lists to be tied to: what is measured is writing."""
    config = SinkConfig("", Topics(), block_records=block_records)
    return Lane(config, 0, 4, AttributionLists(config.attribution_window_ms, config.shown_bytes), reads_served=False)


def blocks_of(found: list[ConsumerRecord], block_records: int) -> Iterator[Block]:
    """The blocks of all records, as they are cut while reading."""
    lane = lane_of(block_records)
    for start in range(0, len(found), READ_AT_ONCE):
        lane.add_events(found[start : start + READ_AT_ONCE], 0.0)
        while (block := lane.next_block(0.0, 1.0)) is not None:
            yield block
    while (block := lane.next_block(2.0, 1.0)) is not None:
        yield block


def rows_per_s(sink: Sink, blocks: Iterator[Block], for_s: float = float("inf")) -> float:
    """Writes all blocks, or those that it gets to within `for_s` seconds."""
    written, began_s = 0, time.perf_counter()
    for block in blocks:
        rows = sink.rows(block)
        sink.write(rows, block.name)
        written += len(rows)
        if time.perf_counter() - began_s > for_s:
            break
    return written / (time.perf_counter() - began_s)


class NaiveClickHouse(ClickHouseSink):
    """The same rows, without notes for sums: nothing but an INSERT each."""

    def note_hours(self, hours_s: list[int], what: str) -> None:
        """Naive writers keep no sums."""


def measure_clickhouse(found: list[ConsumerRecord], naive_s: float) -> dict[str, float]:
    """Ours and the naive writer on a server of their own."""
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        server = ClickHouseServer(Path(folder), free_port())
        server.start()
        try:
            figures = {}
            for name, kind, size, for_s in (
                ("naive", NaiveClickHouse, 1, naive_s),
                ("ours", ClickHouseSink, SinkConfig("", Topics()).block_records, float("inf")),
            ):
                address = ClickHouseAddress("127.0.0.1", server.port, f"bench_{secrets.token_hex(4)}")
                client = Server(address)
                apply(client, ttl_days=0)
                sink = kind(client)
                sink.prepare()
                figures[name] = rows_per_s(sink, blocks_of(found, size), for_s)
                sink.close()
        finally:
            server.stop()
    return {
        "rows_per_s": round(figures["ours"]),
        "naive_rows_per_s": round(figures["naive"], 1),
        "ratio_vs_naive": round(figures["ours"] / figures["naive"], 1),
    }


class NaiveCassandra(CassandraSink):
    """The same rows, one INSERT after the other; what is obsolete stays."""

    def write(self, rows: Sequence[StoreRow], name: str) -> None:
        """Each row by itself."""
        for row in rows:
            batches = Batches(self._statements, time.time_ns() // 1_000_000)
            if isinstance(row.values, Watched):
                for watching in changes_of(row.values.event.user_id, [row.values], {}).rows:
                    batches.add(watching)
            else:
                batches.add(row.values)
            for batch in batches:
                for statement, parameters in batch:
                    self._client.ask(statement, parameters, self._levels.write)


def measure_cassandra(found: list[ConsumerRecord], naive_s: float) -> dict[str, float]:
    """Ours and the naive writer on a server of their own."""
    nothing = ItemRatingsSource("", "", "", lambda _key, _value: None)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        server = CassandraServer(Path(folder), free_port())
        server.start()
        try:
            figures = {}
            whole = SinkConfig("", Topics()).block_records
            # The first one only warms the server's Java up, which else would be the naive writer's burden.
            for name, kind, size, for_s in (
                ("warm", CassandraSink, whole, naive_s),
                ("naive", NaiveCassandra, 1, naive_s),
                ("ours", CassandraSink, whole, float("inf")),
            ):
                address = CassandraAddress.from_url(f"cassandra://{server.address}/bench_{name}")
                client = CassandraClient(address)
                apply_cassandra(client, replication=1)
                sink = kind(address, ConsistencyLevels(), nothing)
                sink.prepare()
                figures[name] = rows_per_s(sink, blocks_of(found, size), for_s)
                sink.close()
                client.close()
        finally:
            server.kill()
    return {
        "rows_per_s": round(figures["ours"]),
        "naive_rows_per_s": round(figures["naive"], 1),
        "ratio_vs_naive": round(figures["ours"] / figures["naive"], 1),
    }


def main() -> int:
    """Measures every store that can be started here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000, help="Records that our writer writes.")
    parser.add_argument("--naive-s", type=float, default=10.0, help="Seconds that the naive writer gets.")
    parser.add_argument("--json", action="store_true", help="Print the result as JSON, the last line of the output.")
    asked = parser.parse_args()
    found, result = records(asked.events), {}
    if clickhouse_command() is None:
        sys.stderr.write(f"{HOW_TO_INSTALL}\n")
    else:
        result["clickhouse"] = measure_clickhouse(found, asked.naive_s)
    result["cassandra"] = measure_cassandra(found[: asked.events // CASSANDRA_SHARE], asked.naive_s)
    for store, figures in result.items():
        sys.stdout.write(
            f"{store}: {figures['rows_per_s']:,} rows/s, naive {figures['naive_rows_per_s']:,} rows/s, "
            f"ratio {figures['ratio_vs_naive']}\n"
        )
    if asked.json:
        sys.stdout.write(json.dumps(result) + "\n")
    return ExitCode.OK if result else ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main())
