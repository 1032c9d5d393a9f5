"""No record of a topic that a sink reads ends it: the same hostile records, up to the rows that a store would get."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from aiokafka.consumer import fetcher
from aiokafka.structs import ConsumerRecord, TopicPartition
from hostile.drive import TIMES
from hostile.generator import NOW_MS, Hostile
from hostile.machine import TOPICS, topic_of
from hostile.raw_batches import batch

from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD
from streams.sinks.attribution import AttributionLists
from streams.sinks.cassandra import rows as cassandra
from streams.sinks.clickhouse import rows as clickhouse
from streams.sinks.config import SinkConfig
from streams.sinks.lane import Lane
from streams.sinks.sink import Block

RECORDS = 20_000
INGRESSES = {"interactions": 10, "served": 5, "erasure": 1}
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
MOST_IN_A_BATCH = 100


class SinkMachine:
    """A lane without a store: bytes in, as they come from a broker, and rows out."""

    def __init__(self) -> None:
        config = SinkConfig("", TOPICS, block_records=200)
        self.lane = Lane(config, 0, 1, AttributionLists(config.attribution_window_ms, 10**7), reads_served=True)
        self.offsets: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.covered: Counter[str] = Counter()  # offsets by topic: each is in one block

    def take(self, ingress: str, made: bytes, count: int) -> None:
        tp = TopicPartition(topic_of(ingress), 0)
        records: list[ConsumerRecord] = list(
            fetcher.PartitionRecords(tp, fetcher.MemoryRecords(made), [], 0, None, None, True, 1)
        )
        assert len(records) == count
        self.offsets[ingress] += count
        if ingress == "erasure":
            self.lane.add_erasures(records)
            while self.lane.to_erase:
                _, erasure = self.lane.to_erase.popleft()
                if erasure is not None:
                    self.lane.forget(erasure)
        elif ingress == "served":
            self.lane.add_lists(records, 0.0)
        else:
            self.lane.add_events(records, 0.0)

    def write(self) -> None:
        for block in self._blocks():
            self.covered[block.topic] += block.end - block.first
            self.rows["clickhouse"] += len(clickhouse.rows_of(block))
            self.rows["cassandra"] += len(cassandra.rows_of(block))
            self.rows["attributed"] += sum(event.attribution is not None for event in block.events)

    def _blocks(self) -> Iterator[Block]:
        self.lane.served_is_at_end(2**62)
        while (block := self.lane.next_block(1.0, 0.0)) is not None:
            yield block


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_records_end_no_sink(seed: int) -> None:
    chance, hostile, machine = random.Random(seed), Hostile(seed), SinkMachine()
    while machine.offsets.total() < RECORDS:
        (ingress,) = chance.choices(list(INGRESSES), list(INGRESSES.values()))
        records = [hostile.record(ingress) for _ in range(chance.randrange(1, MOST_IN_A_BATCH))]
        at_ms = chance.choice(TIMES) if ingress == "served" else NOW_MS + machine.offsets["interactions"] * 20
        made = batch(records, chance.choice(CODECS), at_ms, machine.offsets[ingress])
        machine.take(ingress, made, len(records))
        machine.write()
    covered = {name: machine.covered[topic_of(name)] for name in ("interactions", "served")}
    assert covered == {name: machine.offsets[name] for name in covered}
    assert min(machine.rows["clickhouse"], machine.rows["cassandra"], machine.rows["attributed"]) > 100, machine.rows
