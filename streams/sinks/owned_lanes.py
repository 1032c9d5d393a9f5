"""The partitions that are this process's: taken over with what was before, and read into lanes that have room."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.bulk_read import bulk_consumer
from streams.sinks.attribution import CLOCK_MS, AttributionLists
from streams.sinks.config import SinkConfig
from streams.sinks.lane import Lane, LaneCounts
from streams.sinks.log_marks import LogMarks
from streams.sinks.log_reads import appended_from_ms, read_between
from streams.sinks.metrics import SinkMetrics
from streams.sinks.sink import Block, Erasure

logger = logging.getLogger(__name__)

POLL_RECORDS = 5_000
TURN_MS = 50
#: Rows of one write; more only when one block has more.
ROWS_PER_WRITE = 100_000
#: Interactions of all partitions that may wait, about 1 KB each.
MOST_WAITING = 200_000
#: What the consumer knows of a log's end is so old at most: it asks all the time.
END_KNOWN_MS = 1000


@dataclass
class Work:
    """What one write does: `blocks` of rows, or one `erasure` that was ordered at `ordered_ms`; `positions` hold once
    the store confirmed it. Rows were made at `made_s` (monotonic), when erasures were known up to `erasures_known`, an
    offset by partition."""

    blocks: list[Block] = field(default_factory=list)
    erasure: Erasure | None = None
    ordered_ms: int = 0
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    made_s: float = field(default_factory=time.monotonic)
    erasures_known: dict[int, int] = field(default_factory=dict)


class OwnedLanes:
    """Lanes by partition; none while a rebalance goes on. `wants_served`: lists that were shown are read, too."""

    def __init__(
        self,
        config: SinkConfig,
        metrics: SinkMetrics,
        consumer: AIOKafkaConsumer,
        marks: LogMarks,
        partitions: int,
        wants_served: bool,
    ) -> None:
        self.lanes: dict[int, Lane] = {}
        self._config = config
        self._metrics = metrics
        self._consumer = consumer
        self._marks = marks
        self._partitions = partitions
        self._wants_served = wants_served
        self._expected: dict[TopicPartition, int] = {}
        self._begins: dict[TopicPartition, int] = {}  # of lanes for which nothing was read yet
        self._turns = 0

    # -- ownership ----------------------------------------------------------------------------------------------------

    async def take(self, assigned: set[TopicPartition]) -> list[tuple[Erasure, int]]:
        """Prepares the lanes of partitions that are ours now: who is erased and what was shown before. The erasures
        that are in force, and when they were ordered (ms)."""
        numbers = sorted({tp.partition for tp in assigned})
        lists = [self._lists_of(len(numbers)) for _ in numbers]
        lanes = {
            number: Lane(self._config, number, self._partitions, own, self._wants_served)
            for number, own in zip(numbers, lists, strict=True)
        }
        topics = self._config.topics
        committed = await self._marks.positions(assigned)
        self._expected = {tp: offset for tp, offset in committed.items() if tp.topic == topics.interactions and offset}
        ordered: dict[str, tuple[Erasure, int]] = {}

        def know(record: ConsumerRecord) -> None:
            if (erasure := lanes[record.partition].erasures.apply(record)) is not None:
                ordered[erasure.user_ids[0]] = erasure, record.timestamp

        async with bulk_consumer(self._config.bootstrap) as reader:
            await read_between(reader, [tp for tp in assigned if tp.topic == topics.erasure], know)
            if self._wants_served:
                ends = {tp: offset for tp, offset in committed.items() if tp.topic == topics.served and offset}
                starts = {
                    tp: at for tp, at in [(tp, await self._window_start(reader, tp, committed)) for tp in ends] if at
                }
                await read_between(
                    reader,
                    list(ends),
                    lambda record: lanes[record.partition].remember([record]),
                    starts=starts,
                    ends=ends,
                )
        self.lanes, self._begins = lanes, committed
        return list(ordered.values())

    def _lists_of(self, lanes: int) -> AttributionLists:
        """What one of so many lanes keeps of shown lists: each is at its own time."""
        return AttributionLists(self._config.attribution_window_ms, self._config.shown_bytes // lanes)

    async def _window_start(
        self, reader: AIOKafkaConsumer, served: TopicPartition, committed: dict[TopicPartition, int]
    ) -> int | None:
        """The offset from which lists may be asked for by the events that will be read; None = any may."""
        events = TopicPartition(self._config.topics.interactions, served.partition)
        begin_ms = await appended_from_ms(reader, events, committed.get(events, 0))
        if begin_ms is None:
            return None
        asked = {served: begin_ms - self._config.attribution_window_ms - CLOCK_MS}
        at = (await reader.offsets_for_times(asked))[served]
        return None if at is None else int(at.offset)

    def let_go(self) -> None:
        """Forgets what waits."""
        self.lanes.clear()
        self._begins = {}

    # -- reading ------------------------------------------------------------------------------------------------------

    async def read(self) -> bool:
        """Adds what is there to the lanes that have room; waits a moment for it. False = no lane has any."""
        topics = self._config.topics
        for tp, offset in self._begins.items():
            with suppress(IllegalStateError):  # a rebalance takes it away
                self._consumer.seek(tp, offset)
        self._begins = {}
        wanted = self._with_room()
        if not wanted:
            return False
        asked_ms = time.time_ns() / 1_000_000
        found = await self._consumer.getmany(*wanted, timeout_ms=TURN_MS, max_records=POLL_RECORDS)
        if self._begins or not self.lanes:
            # A rebalance came meanwhile: what was fetched is nobody's, and positions moved past it. It is read again.
            return True
        now_s = time.monotonic()
        for tp, records in found.items():
            lane = self.lanes.get(tp.partition)  # a rebalance may have come meanwhile
            if lane is None or not records:
                continue
            if tp.topic == topics.erasure:
                lane.add_erasures(records)
            elif tp.topic == topics.served:
                lane.add_lists(records, now_s)
            else:
                self._tell_missing(tp, records)
                lane.add_events(records, now_s)
        if self._wants_served:
            for tp in wanted:
                if tp.topic == topics.served and tp not in found and await self._is_at_end(tp):
                    self.lanes[tp.partition].served_is_at_end(asked_ms - END_KNOWN_MS)
        return True

    def _with_room(self) -> list[TopicPartition]:
        topics = self._config.topics
        wanted = []
        waiting = sum(len(lane.events) for lane in self.lanes.values())
        for tp in self._consumer.assignment():
            lane = self.lanes.get(tp.partition)
            if lane is None:
                continue
            full = tp.topic == topics.interactions and lane.events.is_full
            # What waits is written after a while whatever else comes, so nobody waits for ever.
            full |= tp.topic == topics.interactions and len(lane.events) > 0 and waiting >= MOST_WAITING
            full |= tp.topic == topics.served and (lane.lists.is_full or lane.leads)
            if not full:
                wanted.append(tp)
        return wanted

    async def _is_at_end(self, tp: TopicPartition) -> bool:
        if tp not in self._consumer.assignment():  # a rebalance took it away, while another one was looked at
            return False
        end = self._consumer.highwater(tp)
        with suppress(IllegalStateError):  # or does now
            return end is not None and await self._consumer.position(tp) >= end and tp.partition in self.lanes
        return False

    async def lag(self, in_hand: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """By partition: what was not read yet, what waits, and the offsets of blocks that are being written, which are
        in `in_hand` once the ends are known. Brokers are asked for those: who waits for a store reads nothing, and is
        not told of them. Takes most of a minute while a partition has no leader. Raises `KafkaError`."""
        owned = [tp for tp in self._consumer.assignment() if tp.partition in self.lanes]
        ends = await self._consumer.end_offsets(owned) if owned else {}
        found = {}
        for tp, end in ends.items():
            if (lane := self.lanes.get(tp.partition)) is None:
                continue
            with suppress(IllegalStateError):  # a rebalance takes it away
                unread = max(0, end - await self._consumer.position(tp))
                found[tp] = unread + lane.waiting(tp.topic) + in_hand.get(tp, 0)
        return found

    def _tell_missing(self, tp: TopicPartition, records: list[ConsumerRecord]) -> None:
        expected = self._expected.pop(tp, None)
        if expected is not None and records[0].offset > expected:
            self._metrics.missing += records[0].offset - expected
            logger.error("%s:%d: offsets %d to %d were removed unread", *tp, expected, records[0].offset - 1)

    # -- what goes out ------------------------------------------------------------------------------------------------

    def next_erasure(self) -> Work | None:
        """One that was ordered and is not carried out yet."""
        for number, lane in self.lanes.items():
            if lane.to_erase:
                record, erasure = lane.to_erase.popleft()
                if erasure is not None:
                    lane.forget(erasure)
                positions = {TopicPartition(self._config.topics.erasure, number): record.offset + 1}
                return Work(erasure=erasure, ordered_ms=record.timestamp, positions=positions)
        return None

    def next_blocks(self) -> Work | None:
        """Blocks that are to be written, of as many lanes as fit into one write."""
        work, records, lanes, now_s = Work(), 0, list(self.lanes.items()), time.monotonic()
        self._turns += 1
        first = self._turns % max(1, len(lanes))  # another one each time: with much to do not all fit into one write
        for number, lane in lanes[first:] + lanes[:first]:
            block = lane.next_block(now_s, self._config.flush_s)
            if block is None:
                continue
            work.blocks.append(block)
            work.positions[TopicPartition(block.topic, number)] = block.end
            work.erasures_known[number] = lane.erasures.next_offset
            records += len(block.events) + 20 * len(block.lists)
            if records >= ROWS_PER_WRITE:
                break
        return work if work.positions else None

    @property
    def waiting(self) -> int:
        """Records that were read and are not written."""
        return sum(len(lane.events) + len(lane.lists) for lane in self.lanes.values())

    def take_counts(self) -> None:
        """Tells metrics what became of records since the last time."""
        for lane in self.lanes.values():
            counts, lane.counts, metrics = lane.counts, LaneCounts(), self._metrics
            metrics.skipped.update(counts.skipped)
            metrics.attributed += counts.attributed
            metrics.shown.update(counts.shown)
            metrics.clicked.update(counts.clicked)
            metrics.watched.update(counts.watched)
