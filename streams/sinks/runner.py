"""Keeps one store up to date: reads, cuts blocks, writes, commits; one process of the sink's own consumer group.

    read ▸ lanes (streams.sinks.lane) ▸ next work: erasures, whole blocks, tails that waited ▸ write ▸ commit

* A position is committed only after the store confirmed everything before it. What is written twice replaces itself.
* One write is under way at a time, in a thread; meanwhile the next blocks are read. A lane that has two blocks waiting
  is not read any more: memory is bounded whatever the store does.
* A store that fails is tried again for ever, see `streams.sinks.patience`. The group's heartbeats go on meanwhile.
* Rows that the store refuses are found by halving and become dead letters `store_refused`, before the commit.
* An erasure is carried out between two writes, verified, then committed: by its offset, so that none is left out or
  done for nothing. Blocks that are made after it was read do not hold its user.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka import record_guard
from streams.kafka.bulk_read import POLL_MS, TO_MAKE_TOPICS, TopicMissing, bulk_consumer, partitions_of
from streams.sinks.attribution import AttributionLists
from streams.sinks.config import SinkConfig
from streams.sinks.halving import Place, write_halving
from streams.sinks.lane import Lane
from streams.sinks.metrics import SinkMetrics
from streams.sinks.patience import Patience
from streams.sinks.sink import Block, Erasure, Sink, StoreRow, StoreUnavailable

record_guard.install()

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_RECORDS = 5_000
TURN_MS = 50
MAINTAIN_EVERY_S = 1.0
#: Whose owner does what is to be done between writes: one process of the group.
MAINTAINS = 0
#: Rows of one write; more only when one block has more.
ROWS_PER_WRITE = 100_000
#: Interactions of all partitions that may wait, about 1 KB each.
MOST_WAITING = 200_000
#: What the consumer knows of a log's end is so old at most: it asks all the time.
END_KNOWN_MS = 1000


class NotOurs(Exception):
    """The partitions were taken away, or the process is asked to end: what was begun is left to the next owner."""


@dataclass
class Work:
    """What one write does: `blocks` of rows, or one erasure of `lane`; `positions` hold once the store confirmed it."""

    blocks: list[Block] = field(default_factory=list)
    erasure: Erasure | None = None
    positions: dict[TopicPartition, int] = field(default_factory=dict)


class SinkRunner:
    """Runs one sink. Make it inside the running event loop."""

    def __init__(self, config: SinkConfig, sink: Sink) -> None:
        self.metrics = SinkMetrics(sink.name)
        self._config = config
        self._sink = sink
        self._group = config.topics.sink_group(sink.name)
        self._lanes: dict[int, Lane] = {}
        self._patience = Patience(random.random)
        self._thread = ThreadPoolExecutor(1, f"sink-{sink.name}")
        self._stopping = asyncio.Event()
        self._taken_away = asyncio.Event()
        self._writing: asyncio.Task[Work] | None = None
        self._expected: dict[TopicPartition, int] = {}
        self._begins: dict[TopicPartition, int] = {}  # of lanes for which nothing was read yet
        self._consumer: AIOKafkaConsumer
        self._producer: AIOKafkaProducer
        self._maintained_s = 0.0
        self._turns = 0
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Asks `run` to return soon; what is being written is finished first if the store takes it."""
        self._stopping.set()

    async def run(self) -> None:
        """Runs until `stop`. Raises `SchemaMissing`, `TopicMissing` and what is unexpected; nothing half-done was
        committed then."""
        topics, config = self._config.topics, self._config
        try:
            await self._patiently(self._sink.prepare)
        except NotOurs:  # asked to end before the store was there
            return
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=config.bootstrap,
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),  # same numbers of all topics to one member
            session_timeout_ms=int(config.session_timeout_s * 1000),
            heartbeat_interval_ms=int(config.session_timeout_s * 1000 / 5),
            fetch_max_wait_ms=200,
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=config.bootstrap, acks="all", enable_idempotence=True, max_request_size=4 * 1024 * 1024
        )
        inputs = [topics.interactions, topics.erasure] + [topics.served] * self._sink.wants_served
        try:
            await self._producer.start()
            await self._consumer.start()
            await self._check_partitions(inputs)
            self._consumer.subscribe(inputs, listener=_Listener(self))
            with suppress(NotOurs):
                while not self._stopping.is_set():
                    await self._turn()
        finally:
            await self.let_go()
            for client in (self._consumer, self._producer):
                with suppress(KafkaError):
                    await client.stop()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._sink.close)
            self._thread.shutdown()

    async def _check_partitions(self, inputs: Sequence[str]) -> None:
        """The owner of a partition owns the same one of every topic: they must have equally many."""
        counts = dict.fromkeys(inputs, 0)
        async with bulk_consumer(self._config.bootstrap) as consumer:
            for tp in await partitions_of(consumer, inputs):
                counts[tp.topic] += 1
        if len(set(counts.values())) != 1:
            raise TopicMissing(f"topics differ in their partitions ({counts}): {TO_MAKE_TOPICS}")
        self._partitions = counts[self._config.topics.interactions]

    # -- ownership ----------------------------------------------------------------------------------------------------

    async def take(self, assigned: set[TopicPartition]) -> None:
        """Prepares the lanes of partitions that are ours now: who is erased and what was shown before."""
        numbers = sorted({tp.partition for tp in assigned})
        lists = [self._lists_of(len(numbers)) for _ in numbers]
        lanes = {
            number: Lane(self._config, number, self._partitions, own, self._sink.wants_served)
            for number, own in zip(numbers, lists, strict=True)
        }
        topics = self._config.topics
        committed = {tp: await self._consumer.committed(tp) or 0 for tp in assigned}
        self._expected = {tp: offset for tp, offset in committed.items() if tp.topic == topics.interactions and offset}
        async with bulk_consumer(self._config.bootstrap) as reader:
            erasures = [tp for tp in assigned if tp.topic == topics.erasure]
            await _read_before(reader, erasures, {}, lambda record: lanes[record.partition].erasures.apply(record))
            if self._sink.wants_served:
                ends = {tp: offset for tp, offset in committed.items() if tp.topic == topics.served and offset}
                since = await self._window_starts(reader, ends)
                await _read_before(
                    reader, list(ends), ends, lambda record: lanes[record.partition].remember([record]), since
                )
        self._taken_away.clear()
        self._lanes, self._begins = lanes, committed

    def _lists_of(self, lanes: int) -> AttributionLists:
        """What one of so many lanes keeps of shown lists: each is at its own time."""
        return AttributionLists(self._config.attribution_window_ms, self._config.shown_bytes // lanes)

    async def _window_starts(
        self, reader: AIOKafkaConsumer, served: dict[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Where the attribution window of the first events that will be read begins."""
        asked = {}
        for tp in served:
            events = TopicPartition(self._config.topics.interactions, tp.partition)
            asked[tp] = await self._time_of(reader, events) - self._config.attribution_window_ms
        found = await reader.offsets_for_times(asked) if asked else {}
        return {tp: at.offset if at is not None else served[tp] for tp, at in found.items()}

    async def _time_of(self, reader: AIOKafkaConsumer, tp: TopicPartition) -> int:
        """About when the next record of a partition was appended; now when there is none."""
        now_ms = time.time_ns() // 1_000_000
        offset, end = await self._consumer.committed(tp) or 0, (await reader.end_offsets([tp]))[tp]
        if offset >= end:
            return now_ms
        reader.assign([tp])
        reader.seek(tp, offset)
        for records in (await reader.getmany(tp, timeout_ms=1000, max_records=1)).values():
            return int(records[0].timestamp)
        return now_ms

    async def let_go(self) -> None:
        """Ends what is under way, without waiting for a store that does not answer, and forgets what waits."""
        self._taken_away.set()
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                with suppress(NotOurs):
                    await self._commit(await writing)
        finally:
            self._lanes.clear()
            self._begins = {}

    # -- one turn -----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        if self.failure is not None:
            raise self.failure
        if not self._taken_away.is_set():
            await self._read()
        if self._taken_away.is_set():  # `let_go` ends what is under way; nothing begins until `take`
            await self._pause(TURN_MS / 1000)
            return
        if self._writing is not None and self._writing.done():
            done, self._writing = await self._writing, None
            await self._commit(done)
        if self._writing is None:
            if (work := self._next_work()) is not None:
                self._writing = asyncio.create_task(self._carry_out(work))
            elif MAINTAINS in self._lanes and time.monotonic() - self._maintained_s >= MAINTAIN_EVERY_S:
                self._writing = asyncio.create_task(self._maintain())
        self.metrics.waiting.set(sum(len(lane.events) + len(lane.lists) for lane in self._lanes.values()))

    async def _read(self) -> None:
        """Adds what is there to the lanes that have room; waits a moment when there is nothing."""
        topics = self._config.topics
        for tp, offset in self._begins.items():
            with suppress(IllegalStateError):  # a rebalance takes it away
                self._consumer.seek(tp, offset)
        self._begins = {}
        wanted = []
        waiting = sum(len(lane.events) for lane in self._lanes.values())
        for tp in self._consumer.assignment():
            lane = self._lanes.get(tp.partition)
            if lane is None:
                continue
            full = tp.topic == topics.interactions and lane.events.is_full
            # What waits is written after a while whatever else comes, so nobody waits for ever.
            full |= tp.topic == topics.interactions and len(lane.events) > 0 and waiting >= MOST_WAITING
            full |= tp.topic == topics.served and (lane.lists.is_full or lane.leads)
            if not full:
                wanted.append(tp)
        if not wanted:
            await self._pause(TURN_MS / 1000)
            return
        asked_ms = time.time_ns() / 1_000_000
        found = await self._consumer.getmany(*wanted, timeout_ms=TURN_MS, max_records=POLL_RECORDS)
        if self._begins or not self._lanes:
            # A rebalance came meanwhile: what was fetched is nobody's, and positions moved past it. It is read again.
            return
        now_s = time.monotonic()
        for tp, records in found.items():
            lane = self._lanes.get(tp.partition)  # a rebalance may have come meanwhile
            if lane is None or not records:
                continue
            if tp.topic == topics.erasure:
                lane.add_erasures(records)
            elif tp.topic == topics.served:
                lane.add_lists(records, now_s)
            else:
                self._tell_missing(tp, records)
                lane.add_events(records, now_s)
        if self._sink.wants_served:
            for tp in wanted:
                if tp.topic == topics.served and tp not in found and await self._is_at_end(tp):
                    self._lanes[tp.partition].served_is_at_end(asked_ms - END_KNOWN_MS)

    async def _is_at_end(self, tp: TopicPartition) -> bool:
        if tp not in self._consumer.assignment():  # a rebalance took it away, while another one was looked at
            return False
        end = self._consumer.highwater(tp)
        with suppress(IllegalStateError):  # or does now
            return end is not None and await self._consumer.position(tp) >= end and tp.partition in self._lanes
        return False

    def _tell_missing(self, tp: TopicPartition, records: list[ConsumerRecord]) -> None:
        expected = self._expected.pop(tp, None)
        if expected is not None and records[0].offset > expected:
            self.metrics.missing.inc(records[0].offset - expected)
            logger.error("%s:%d: offsets %d to %d were removed unread", *tp, expected, records[0].offset - 1)

    def _next_work(self) -> Work | None:
        topics, now_s = self._config.topics, time.monotonic()
        for number, lane in self._lanes.items():
            if lane.to_erase:
                offset, erasure = lane.to_erase.popleft()
                if erasure is not None:
                    lane.forget(erasure)
                return Work(erasure=erasure, positions={TopicPartition(topics.erasure, number): offset + 1})
        work, records, lanes = Work(), 0, list(self._lanes.items())
        self._turns += 1
        first = self._turns % max(1, len(lanes))  # another one each time: with much to do not all fit into one write
        for number, lane in lanes[first:] + lanes[:first]:
            block = lane.next_block(now_s, self._config.flush_s)
            if block is None:
                continue
            work.blocks.append(block)
            work.positions[TopicPartition(block.topic, number)] = block.end
            records += len(block.events) + 20 * len(block.lists)
            if records >= ROWS_PER_WRITE:
                break
        return work if work.positions else None

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _carry_out(self, work: Work) -> Work:
        if work.erasure is not None:
            await self._erase(work.erasure)
            return work
        rows: list[StoreRow] = []
        for block in work.blocks:
            rows += await self._in_thread(partial(self._sink.rows, block))
        if rows:
            name = "+".join(block.name for block in work.blocks)
            refused = await write_halving(rows, name, self._write)
            if len(refused) > 1 and len(refused) == len({row[:3] for row in rows}):
                await self._patiently(self._sink.prepare)  # all of them: is it the table that is wrong?
            if refused:
                await self._tell_refused(refused)
        self.metrics.blocks.inc(len(work.blocks))
        return work

    async def _write(self, rows: Sequence[StoreRow], name: str) -> None:
        began_s = time.monotonic()
        await self._patiently(lambda: self._sink.write(rows, name))
        self.metrics.write_s.observe(time.monotonic() - began_s)
        self.metrics.rows.inc(len(rows))

    async def _erase(self, erasure: Erasure) -> None:
        while True:
            await self._patiently(lambda: self._sink.erase(erasure))
            left = await self._patiently(lambda: self._sink.count(erasure))
            if left == 0:
                self.metrics.erased.inc()
                return
            logger.warning("%s: %d rows of %s are still there", self._sink.name, left, erasure.name)
            await self._wait(self._patience.failed())

    async def _maintain(self) -> Work:
        try:
            await self._in_thread(self._sink.maintain)
        except StoreUnavailable as failure:  # the next write finds out, and waits
            logger.warning("%s: %s", self._sink.name, failure)
        self._maintained_s = time.monotonic()
        return Work()

    async def _patiently(self, act: Callable[[], T]) -> T:
        """Until the store takes it. Raises `NotOurs` when it is not ours to do any more."""
        while True:
            try:
                result = await self._in_thread(act)
            except StoreUnavailable as failure:
                wait_s = self._patience.failed()
                self.metrics.retries.inc()
                self.metrics.circuit_open.set(self._patience.is_open)
                logger.warning("%s: %s; tried again in %.1f s", self._sink.name, failure, wait_s)
                await self._wait(wait_s)
            else:
                self._patience.succeeded()
                self.metrics.circuit_open.set(0)
                return result

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def _wait(self, seconds: float) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._stopping, self._taken_away)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        if self._stopping.is_set() or self._taken_away.is_set():
            raise NotOurs

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _tell_refused(self, refused: dict[Place, str]) -> None:
        """Dead letters of records whose rows the store refuses, with the original bytes read again from the log."""
        async with bulk_consumer(self._config.bootstrap) as reader:
            for (topic, partition, offset), why in refused.items():
                record = await _record_at(reader, TopicPartition(topic, partition), offset)
                refusal = DeadLetter(
                    key=record.key if record else None,
                    value=record.value if record else None,
                    reason=Reason.STORE_REFUSED,
                    detail=f"{self._sink.name}: {why}",
                    topic=topic,
                    partition=partition,
                    offset=offset,
                    append_time_ms=record.timestamp if record else 0,
                )
                lane = self._lanes.get(partition)
                if lane is None:
                    raise NotOurs  # and who owns it now tells
                letter = (refusal.blank() if record and lane.is_erased(record) else refusal).to_record()
                await self._producer.send_and_wait(
                    self._config.topics.dead_letters,
                    letter.value,
                    letter.key,
                    partition=letter.partition,
                    headers=letter.headers,
                )
                self.metrics.refused.inc()

    async def _commit(self, work: Work) -> None:
        for lane in self._lanes.values():
            for reason, count in lane.counts.skipped.items():
                self.metrics.skipped(reason, count)
            lane.counts.skipped.clear()
            self.metrics.attributed.inc(lane.counts.attributed)
            lane.counts.attributed = 0
        if not work.positions:
            return
        try:
            await self._consumer.commit(work.positions)
        except KafkaError as failure:
            # Somebody else owns them by now, or Kafka is away: what was written is written again, in its own place.
            logger.warning("positions were not committed: %s", failure)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped there
    """Tells the runner what is its own."""

    def __init__(self, runner: SinkRunner) -> None:
        self._runner = runner

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is ours until the next assignment."""
        try:
            await self._runner.let_go()
        except BaseException as failure:  # as below
            self._runner.failure = failure
            raise

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """These are ours now."""
        try:
            await self._runner.take(set(assigned))
        except BaseException as failure:  # aiokafka would log it and go on
            self._runner.failure = failure
            raise


async def _read_before(
    reader: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    ends: dict[TopicPartition, int],
    apply: Callable[[ConsumerRecord], Any],
    starts: dict[TopicPartition, int] | None = None,
) -> None:
    """Applies the records of partitions from `starts` (else the begin) to `ends` (else their present ends)."""
    if not partitions:
        return
    reader.assign(partitions)
    await reader.seek_to_beginning(*partitions)
    begins = await reader.beginning_offsets(partitions)
    for tp, start in (starts or {}).items():
        reader.seek(tp, max(start, begins[tp]))
    ends = {**await reader.end_offsets(partitions), **ends}
    while pending := [tp for tp in partitions if await reader.position(tp) < ends[tp]]:
        for tp, records in (await reader.getmany(*pending, timeout_ms=POLL_MS)).items():
            for record in records:
                if record.offset < ends[tp]:
                    apply(record)


async def _record_at(reader: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> ConsumerRecord | None:
    """None when it was removed from the log."""
    reader.assign([tp])
    reader.seek(tp, offset)
    end = (await reader.end_offsets([tp]))[tp]
    while await reader.position(tp) < end:
        for record in (await reader.getmany(tp, timeout_ms=POLL_MS, max_records=1)).get(tp, []):
            return record if record.offset == offset else None
    return None
