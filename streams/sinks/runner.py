"""Keeps one store up to date: reads, cuts blocks, writes, commits; one process of the sink's own consumer group.

    read ▸ lanes (owned_lanes, lane) ▸ next work: erasures, whole blocks, tails that waited ▸ write ▸ commit

* A position is committed only after the store confirmed everything before it. What is written twice replaces itself.
* One write is under way at a time, in a thread; meanwhile the next blocks are read. A lane that has two blocks waiting
  is not read any more: memory is bounded whatever the store does.
* A store that fails is tried again for ever (`store_calls`, `backoff`). The group's heartbeats go on meanwhile.
* Rows that the store refuses are found by halving and become dead letters `store_refused` (`refused_rows`), before the
  commit.
* An erasure is carried out between two writes, verified, then committed: by its offset, so that none is left out or
  done for nothing. Blocks that are made after it was read do not hold its user. Whoever may have written when their
  partitions were somebody else's looks whether that has brought somebody back (`eraser`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.kafka import clients
from streams.kafka.bulk_read import TO_MAKE_TOPICS, TopicMissing, bulk_consumer, partitions_of
from streams.metrics import Reading
from streams.sinks.config import SinkConfig
from streams.sinks.eraser import Eraser
from streams.sinks.halving import write_halving
from streams.sinks.log_marks import LogMarks
from streams.sinks.metrics import SinkMetrics
from streams.sinks.owned_lanes import TURN_MS, OwnedLanes, Work
from streams.sinks.refused_rows import tell_refused
from streams.sinks.sink import Sink, StoreRow, StoreUnavailable
from streams.sinks.store_calls import NotOurs, StoreCalls

logger = logging.getLogger(__name__)

MAINTAIN_EVERY_S = 1.0
LAG_EVERY_S = 1.0
#: A turn takes a twentieth of a second; what is longer is a rebalance, or a broker that does not answer.
TURNED_WITHIN_S = 60.0
#: Whose owner does what is to be done between writes: one process of the group.
MAINTAINS = 0
#: Who wrote for longer than this share of the session, since the rows were made, may have lost it meanwhile.
LATE_SHARE = 0.5


class SinkRunner:
    """Runs one sink. Make it inside the running event loop."""

    def __init__(self, config: SinkConfig, sink: Sink) -> None:
        self.metrics = SinkMetrics(sink.name)
        self.failure: BaseException | None = None
        self._config = config
        self._sink = sink
        self._calls = StoreCalls(sink, self.metrics)
        self._eraser = Eraser(config, sink, self._calls, self.metrics)
        self._writing: asyncio.Task[Work] | None = None
        self._owned: OwnedLanes
        self._has_lanes = False
        self._marks: LogMarks
        self._consumer: AIOKafkaConsumer
        self._producer: AIOKafkaProducer
        self._maintained_s = 0.0
        self._turned_s = 0.0
        self._lag_noted_s = 0.0
        self._noting_lag: asyncio.Task[None] | None = None
        self._in_hand: dict[TopicPartition, int] = {}  # offsets of the blocks that are being written

    def stop(self) -> None:
        """Asks `run` to return soon; what is being written is finished first if the store takes it."""
        self._calls.stopping.set()

    # -- what others ask, see `streams.metrics.Observed` --------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """Every metric."""
        return self.metrics.readings()

    def stuck(self) -> str:
        """Why nothing is read though the loop turns."""
        silent_s = time.monotonic() - self._turned_s
        return f"nothing was read for {silent_s:.0f} s" if not self.unready() and silent_s > TURNED_WITHIN_S else ""

    def unready(self) -> str:
        """Why nothing is written just now."""
        if self.metrics.circuit_open:
            return "the store does not take anything"
        return "" if self._has_lanes else "it owns no partition, or not yet"

    # -- life cycle ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Runs until `stop`. Raises `SchemaMissing`, `TopicMissing`, `LogReplaced` and what is unexpected; nothing
        half-done was committed then."""
        topics, config = self._config.topics, self._config
        try:
            await self._calls.patiently(self._sink.prepare)
        except NotOurs:  # asked to end before the store was there
            return
        self._consumer = clients.consumer(
            config.bootstrap,
            group_id=topics.sink_group(self._sink.name),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),  # same numbers of all topics to one member
            session_timeout_ms=int(config.session_timeout_s * 1000),
            heartbeat_interval_ms=int(config.session_timeout_s * 1000 / 5),
            fetch_max_wait_ms=200,
        )
        self._producer = clients.producer(
            config.bootstrap, acks="all", enable_idempotence=True, max_request_size=4 * 1024 * 1024
        )
        inputs = [topics.interactions, topics.erasure] + [topics.served] * self._sink.wants_served
        try:
            await self._producer.start()
            await self._consumer.start()
            partitions = await self._checked_partitions(inputs)
            self._marks = LogMarks(self._consumer, inputs)
            await self._marks.start()
            self._owned = OwnedLanes(
                config, self.metrics, self._consumer, self._marks, partitions, self._sink.wants_served
            )
            self._consumer.subscribe(inputs, listener=_Listener(self))
            await self._work()
        finally:
            for client in (self._consumer, self._producer):
                with suppress(KafkaError):
                    await client.stop()
            await self._calls.close()

    async def _work(self) -> None:
        try:
            with suppress(NotOurs):
                while not self._calls.stopping.is_set():
                    await self._turn()
        finally:
            if self._noting_lag is not None:
                self._noting_lag.cancel()
            await self.let_go()

    async def _checked_partitions(self, inputs: Sequence[str]) -> int:
        """How many every topic has: the owner of a partition owns the same one of each."""
        counts = dict.fromkeys(inputs, 0)
        async with bulk_consumer(self._config.bootstrap) as consumer:
            for tp in await partitions_of(consumer, inputs):
                counts[tp.topic] += 1
        if len(set(counts.values())) != 1:
            raise TopicMissing(f"topics differ in their partitions ({counts}): {TO_MAKE_TOPICS}")
        return counts[self._config.topics.interactions]

    # -- ownership ----------------------------------------------------------------------------------------------------

    async def take(self, assigned: set[TopicPartition]) -> None:
        """These partitions are ours now."""
        for erasure, ordered_ms in await self._owned.take(assigned):
            self._eraser.look_again(erasure, ordered_ms)
        self._has_lanes = bool(self._owned.lanes)
        self._calls.taken_away.clear()

    async def let_go(self) -> None:
        """Ends what is under way, without waiting for a store that does not answer, and forgets what waits."""
        self._calls.taken_away.set()
        self._has_lanes = False
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                with suppress(NotOurs):
                    await self._commit(await writing)
        finally:
            self._owned.let_go()
            self._eraser.let_go()

    # -- one turn -----------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self._turned_s = time.monotonic()
        if self.failure is not None:
            raise self.failure
        await self._marks.look()
        if self._calls.taken_away.is_set() or not await self._owned.read():
            # Of what is taken away, `let_go` ends what is under way; nothing begins until `take`.
            await self._pause(TURN_MS / 1000)
        if self._calls.taken_away.is_set():
            return
        if self._writing is not None and self._writing.done():
            done, self._writing = await self._writing, None
            await self._commit(done)
        if self._writing is None and (act := self._next()) is not None:
            self._writing = asyncio.create_task(act)
        if self._turned_s - self._lag_noted_s >= LAG_EVERY_S:
            self._ask_for_lag()
        self.metrics.waiting = self._owned.waiting

    def _ask_for_lag(self) -> None:
        """Unless it is being asked for: of a partition without a leader the answer takes most of a minute, and turns do
        not wait for it."""
        if self._noting_lag is not None:
            if not self._noting_lag.done():
                return
            self._noting_lag.result()  # raises what is unexpected
        self._lag_noted_s = self._turned_s
        self._noting_lag = asyncio.create_task(self._note_lag())

    async def _note_lag(self) -> None:
        with suppress(KafkaError):  # brokers come and go, and `look` says so: the figure stays what it was
            self.metrics.lag = await self._owned.lag(self._in_hand)

    def _next(self) -> Any:
        """What is to be done now; None = nothing."""
        self._in_hand.clear()  # the same mapping: whoever asks for the lag meanwhile looks into it later
        if self._eraser.has_to_look:
            return self._look()
        if (work := self._owned.next_erasure() or self._owned.next_blocks()) is not None:
            self._in_hand.update((TopicPartition(of.topic, of.partition), of.end - of.first) for of in work.blocks)
            return self._carry_out(work)
        if MAINTAINS in self._owned.lanes and time.monotonic() - self._maintained_s >= MAINTAIN_EVERY_S:
            return self._maintain()
        return None

    async def _carry_out(self, work: Work) -> Work:
        if work.erasure is not None:
            await self._eraser.erase(work.erasure, work.ordered_ms)
            return work
        rows: list[StoreRow] = []
        for block in work.blocks:
            rows += await self._calls.in_thread(partial(self._sink.rows, block))
        if rows:
            try:
                await self._write(rows, "+".join(block.name for block in work.blocks))
            finally:
                if self._is_late(work):
                    self._eraser.suspect(work.erasures_known)
        self.metrics.blocks += len(work.blocks)
        return work

    async def _write(self, rows: Sequence[StoreRow], name: str) -> None:
        refused = await write_halving(rows, name, self._write_all)
        if len(refused) > 1 and len(refused) == len({row[:3] for row in rows}):
            await self._calls.patiently(self._sink.prepare)  # all of them: is it the table that is wrong?
        if refused:
            sink, config = self._sink.name, self._config
            await tell_refused(config, sink, self._owned.lanes, self._producer, refused)
            self.metrics.refused += len(refused)

    async def _write_all(self, rows: Sequence[StoreRow], name: str) -> None:
        began_s = time.monotonic()
        await self._calls.patiently(lambda: self._sink.write(rows, name))
        self.metrics.write_s.observe(time.monotonic() - began_s)
        self.metrics.rows += len(rows)

    def _is_late(self, work: Work) -> bool:
        """Whether the rows may have been written when their partitions were somebody else's: a frozen process, and one
        that Kafka cannot reach, hear of that only later."""
        took_s = time.monotonic() - work.made_s
        return self._calls.taken_away.is_set() or took_s > LATE_SHARE * self._config.session_timeout_s

    async def _look(self) -> Work:
        try:
            await self._eraser.look()
        except KafkaError as failure:
            await self._calls.wait_after(f"what was ordered meanwhile cannot be read ({failure})")
        return Work()

    async def _maintain(self) -> Work:
        try:
            await self._calls.in_thread(self._sink.maintain)
        except StoreUnavailable as failure:  # the next write finds out, and waits
            logger.warning("%s: %s", self._sink.name, failure)
        self._maintained_s = time.monotonic()
        return Work()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._calls.stopping.wait(), seconds)

    async def _commit(self, work: Work) -> None:
        self._owned.take_counts()
        if not work.positions:
            return
        try:
            await self._consumer.commit(self._marks.marked(work.positions))
        except KafkaError as failure:
            # Somebody else owns them by now, or Kafka is away: what was written is written again, in its own place.
            logger.warning("positions were not committed: %s", failure)
            self._eraser.suspect(work.erasures_known)


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
