"""One owned input partition: batches in, one transaction out, one thing at a time."""

import asyncio
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Sequence

import numpy as np
from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition
from msgspec.structs import replace

from agents.delivery.crash_marks import CrashMarks
from agents.delivery.outgoing import Outgoing
from agents.delivery.process_exit import EXIT_FENCED, EXIT_TIMED_OUT, die
from agents.delivery.producer import PartitionProducer, TransactionTimedOut
from agents.delivery.quarantine import Quarantine
from agents.delivery.step import BackPressure, NoBackPressure, PartitionStep
from agents.delivery.table import ChangelogTable
from agents.instruments import PlaneTimes
from serving.supervisor import is_asked_to_end
from streams.kafka.log_position import NO_EPOCH, LogPosition
from streams.kafka.record_batch import RecordBatch

logger = logging.getLogger(__name__)


class RecordsMissing(RuntimeError):
    """A batch does not follow what was folded before it: records were dropped between the broker and the owner."""


class PartitionTask:
    """Runs a `PartitionStep` over one partition. Any unexpected error ends the process before anything is committed."""

    TICK_S = 0.2
    #: How soon a batch is tried again that may not be folded yet.
    HELD_TICK_S = 0.02
    #: Whoever is busy lets small batches become one until so long after the last round began: brokers answer with
    #: whatever they have, and lists for one user at a time cost three times what they do for ten.
    ROUND_S = 0.1
    #: Records with which a round begins at once.
    SMALL_ROUND = 100
    #: What is on its way within the process arrives within so long.
    AT_HAND_S = 0.005

    def __init__(
        self,
        source: TopicPartition,
        producer: PartitionProducer,
        table: ChangelogTable,
        marks: CrashMarks,
        step: PartitionStep,
        back_pressure: BackPressure | None = None,
        times: PlaneTimes | None = None,
    ) -> None:
        self.source = source
        self.producer = producer
        self.table = table
        self.marks = marks
        self.step = step
        self._quarantine = Quarantine(source, marks, step, self)
        self._back_pressure = back_pressure or NoBackPressure()
        self._times = times or PlaneTimes()
        self._appended_ms = 0  # of the last record that was folded
        self._held: deque[RecordBatch] = deque()  # in order, and before what is in the inbox
        self._noted = ""  # with the committed offset
        self._inbox: asyncio.Queue[RecordBatch] = asyncio.Queue(maxsize=1)
        self._working = asyncio.Lock()
        self._generation: int | None = None  # None: suspended
        self._position = 0
        self._leader_epoch = NO_EPOCH  # of the records before the position
        self._uncommitted = 0  # records folded since the last commit
        self._round_began_s = self._round_ended_s = -math.inf
        self._turn = asyncio.Lock()
        self._runner: asyncio.Task[None] | None = None
        self._handed_over: Counter[str] = Counter()

    @property
    def position(self) -> int:
        """Offset of the next record to fold; what precedes it is folded, though maybe not committed yet."""
        return self._position

    @property
    def place(self) -> LogPosition:
        """`position`, and the log that it is in."""
        return LogPosition(self._position, self.table.mark.source, self._leader_epoch)

    @property
    def noted(self) -> str:
        """The note with the last offset that this task committed; "" before the first."""
        return self._noted

    @property
    def appended_ms(self) -> int:
        """When the last record was appended that this task folded, ms since the epoch; 0 before the first."""
        return self._appended_ms

    @property
    def accepts(self) -> bool:
        """Whether batches are taken in; False from `suspend` until `resume`."""
        return self._generation is not None

    # -- life cycle, driven by Ownership --------------------------------------------------------------------------

    async def claim(self, *, moved: bool = False) -> None:
        """Begins a term of this owner: of what is written outside of Kafka, the last owner's holds. To be called when
        the table is restored, and again when Redis knows a later owner. `moved`: the table's position is not where the
        group's is, and the group follows.

        Raises:
            aiokafka.errors.ProducerFenced: another worker owns the partition.
        """
        owner = self.table.owner
        term = max(owner.term, owner.later_term) + 1
        source = self.source if moved else None
        await self.producer.commit(self.table.claim(term), source, self.table.next_offset)
        self.table.claimed(term)

    def start(self, turn: asyncio.Lock) -> None:
        """Begins to work from the restored table.

        `turn` is the right to fold, shared by all tasks of the process. It is held while a suspicious record is folded
        by itself and committed: no fold of another partition can end the process meanwhile and have it blamed.
        """
        self._turn = turn
        self._position, self._leader_epoch = self.table.next_offset, self.table.mark.leader_epoch
        self.step.reset()
        self._runner = asyncio.create_task(self._run(), name=f"partition {self.source.topic}:{self.source.partition}")

    def resume(self, generation: int) -> None:
        """Accepts batches that were fetched in `generation`, and no others."""
        self._generation = generation

    async def suspend(self) -> None:
        """Stops accepting, finishes the batch in hand, commits everything folded."""
        self._stop_accepting()
        async with self._working:
            try:
                await self.commit(force=True)
                await self.commit_marks(self.marks.release())
            except BaseException as error:  # anything at all: see process_exit
                if is_asked_to_end():
                    raise
                await self._die(error)

    async def close(self) -> None:
        """Ends the task; call `suspend` first."""
        self._stop_accepting()  # a take-over that ended after `suspend` resumed it
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self.hand_counts_over()
        await self.producer.close()
        self.table.close()

    def hand_counts_over(self) -> None:
        """What the step counted since the last call belongs to the process from now on. To be called as the partition
        leaves those that are owned, without anything in between: counters never step back."""
        counted = Counter(self.step.counters())
        self._times.former.update({name: count - self._handed_over[name] for name, count in counted.items()})
        self._handed_over = counted

    def _stop_accepting(self) -> None:
        self._generation = None
        self._held.clear()
        self._back_pressure.go()
        while not self._inbox.empty():  # whoever waits in `submit` goes on
            self._inbox.get_nowait()

    # -- work -----------------------------------------------------------------------------------------------------

    async def submit(self, batch: RecordBatch) -> None:
        """Hands over one batch; waits while the previous one is still queued. Batches of another generation are
        dropped: the broker delivers them again to whoever owns the partition now.
        """
        if batch.generation == self._generation:
            await self._inbox.put(batch)

    async def _run(self) -> None:
        try:
            while True:
                batches = await self._round()
                began_s = asyncio.get_running_loop().time()
                async with self._working:
                    await self._work_all(batches)
                    if self.accepts:
                        await self.commit(force=False)
                        if batches:
                            self._times.batch.observe(asyncio.get_running_loop().time() - began_s)
                        await self.step.tick(self._position, waits=self._waits)
                        if self.table.owner.is_contested:
                            await self._contest()
                if batches:
                    self._round_ended_s = asyncio.get_running_loop().time()
        except BaseException as error:  # anything at all: see process_exit
            if is_asked_to_end():
                raise
            await self._die(error)

    @property
    def _waits(self) -> bool:
        """Whether records have come that may be folded and are not."""
        return not self._inbox.empty()

    async def _round(self) -> list[RecordBatch]:
        """The next batch, and those that come after it within a round, unless the partition was quiet."""
        first = await self._next_batch()
        if first is None:
            return []
        clock = asyncio.get_running_loop()
        batches, records = [first], len(first.records)
        is_busy = clock.time() - self._round_ended_s < self.ROUND_S
        end_s = max(self._round_began_s + self.ROUND_S, clock.time() + self.AT_HAND_S)
        while is_busy and records < self.SMALL_ROUND and not self._held and (left_s := end_s - clock.time()) > 0:
            more = await self._arrival(left_s)
            if more is None:
                break
            batches.append(more)
            records += len(more.records)
        self._round_began_s = clock.time()
        return batches

    async def _next_batch(self) -> RecordBatch | None:
        """The next batch of which something may be folded; None after a tick without one.

        Batches go on to be taken in while one is held: others of the same stream would wait behind them.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self.TICK_S
        while self._held:
            if self._back_pressure.allowed(self._held[0].records[:1]):
                return self._held.popleft()
            if loop.time() > end_s:
                return None
            if batch := await self._arrival(self.HELD_TICK_S):
                self._held.append(batch)
        return await self._arrival(self.TICK_S)

    async def _arrival(self, within_s: float) -> RecordBatch | None:
        try:
            return await asyncio.wait_for(self._inbox.get(), within_s)
        except TimeoutError:
            return None

    async def _work_all(self, batches: Sequence[RecordBatch]) -> None:
        """Folds what may be folded of batches that follow each other; those of another generation are dropped."""
        for place, batch in enumerate(batches):
            if batch.generation != self._generation:
                continue
            if place and self._held:  # the rest of one before it, and none but that
                self._held.append(batch)
            else:
                await self._work(batch)

    async def _work(self, batch: RecordBatch) -> None:
        if batch.follows > self._position:
            raise RecordsMissing(
                f"{self.source}: a batch follows offset {batch.follows}, but only records before {self._position} "
                "were folded"
            )
        records, next_offset = self._allowed(batch)
        if records:
            await self._quarantine.open(records[0].offset)
            self._leader_epoch = max(self._leader_epoch, batch.leader_epoch)
            await self._quarantine.fold(records, self._turn)
        if not records or self._position > records[-1].offset:  # else it was suspended half-way
            self._position = max(self._position, next_offset)

    def _allowed(self, batch: RecordBatch) -> tuple[Sequence[ConsumerRecord], int]:
        """What is left of a batch and may be folded, and the position after it; the rest is held."""
        records = [record for record in batch.records if record.offset >= self._position]
        if not records:
            return records, batch.next_offset
        count = self._back_pressure.allowed(records)
        if count == len(records):
            self._back_pressure.go()
            return records, batch.next_offset
        self._back_pressure.wait(records[count])
        position = records[count - 1].offset + 1 if count else self._position
        left = RecordBatch(records[count:], batch.generation, position, batch.next_offset, batch.leader_epoch)
        self._held.appendleft(left)
        return records[:count], position

    async def fold(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds records when it is this partition's turn."""
        fold = self.step.fold
        async with self._turn:
            for record in records:
                fold(record)
        self.count(records)

    def count(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes note of records that were folded."""
        self._position = records[-1].offset + 1
        self._uncommitted += len(records)
        self._appended_ms = records[-1].timestamp
        appended_ms = np.fromiter((record.timestamp for record in records), np.float64, len(records))
        self._times.folded.observe_all(time.time() - appended_ms / 1000)

    async def commit(self, *, force: bool, marks: Sequence[Outgoing] = ()) -> None:
        """Makes what was folded durable, with marks; unless by `force` the step decides whether it is time."""
        note = self._back_pressure.note()
        progressed = self._position != self.table.next_offset or note != self._noted
        if not progressed and not self.step.pending():
            return
        effects = await self.step.effects(self._position, force=force)
        if effects is None:
            return
        self.table.mark = replace(self.table.mark, leader_epoch=self._leader_epoch)
        rows = self.table.outgoing(effects.changes, self._position)
        outgoing = [*effects.outgoing, *rows]
        folded, self._uncommitted = self._uncommitted, 0
        outgoing += [*self.marks.record_success(folded), *marks]
        began_s = asyncio.get_running_loop().time()
        await self.producer.commit(outgoing, self.source, self._position, note)
        self._times.transaction.observe(asyncio.get_running_loop().time() - began_s)
        self.table.next_offset, self._noted = self._position, note

    async def commit_marks(self, marks: Sequence[Outgoing]) -> None:
        """Makes marks durable."""
        if marks:
            await self.producer.commit(marks, None, 0)

    async def _contest(self) -> None:
        """Redis holds lists of a later owner. If Kafka says so too, this process ends; else Redis knows a past that the
        log does not, and a term beyond it is begun."""
        owner = self.table.owner
        logger.warning("%s: Redis knows an owner of term %d, this is %d", self.source, owner.later_term, owner.term)
        await self.claim()

    async def _die(self, error: BaseException) -> None:
        what = f"partition {self.source.topic}:{self.source.partition}"
        if isinstance(error, TransactionTimedOut) and not await self._is_succeeded():
            die(f"{what}: Kafka gave up on a transaction, and no other worker owns it", error, EXIT_TIMED_OUT)
        elif isinstance(error, ProducerFenced):
            die(f"{what} belongs to another worker now", error, EXIT_FENCED)
        else:
            die(what, error)

    async def _is_succeeded(self) -> bool:
        """Whether the log knows an owner after this one."""
        term = await self.producer.last_term(self.table)
        return term is not None and term > self.table.owner.term
