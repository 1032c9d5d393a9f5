"""One owned input partition: batches in, one transaction out, one thing at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest

from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.outgoing import Outgoing
from agents.delivery.process_exit import EXIT_FENCED, die
from agents.delivery.producer import PartitionProducer
from agents.delivery.quarantine import SMALL_BATCH_RECORDS, CrashMarks
from agents.delivery.step import Gate, OpenGate, Step
from agents.delivery.table import ChangelogTable
from streams.record_batch import RecordBatch

logger = logging.getLogger(__name__)


class RecordsMissing(RuntimeError):
    """A batch does not follow what was folded before it: records were dropped between the broker and the owner."""


class PartitionTask:
    """Runs a `Step` over one partition. Any unexpected error ends the process before anything is committed."""

    TICK_S = 0.2
    #: How soon a batch is tried again that may not be folded yet.
    HELD_TICK_S = 0.02

    def __init__(
        self,
        source: TopicPartition,
        producer: PartitionProducer,
        table: ChangelogTable,
        marks: CrashMarks,
        step: Step,
        gate: Gate | None = None,
    ) -> None:
        self.source = source
        self.producer = producer
        self.table = table
        self.marks = marks
        self.step = step
        self._gate = gate or OpenGate()
        self._held: deque[RecordBatch] = deque()  # in order, and before what is in the inbox
        self._noted = ""  # with the committed offset
        self._inbox: asyncio.Queue[RecordBatch] = asyncio.Queue(maxsize=1)
        self._working = asyncio.Lock()
        self._generation: int | None = None  # None: suspended
        self._position = 0
        self._uncommitted = 0  # records folded since the last commit
        self._turn = asyncio.Lock()
        self._runner: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        """Offset of the next record to fold; what precedes it is folded, though maybe not committed yet."""
        return self._position

    @property
    def noted(self) -> str:
        """The note with the last offset that this task committed; "" before the first."""
        return self._noted

    # -- life cycle, driven by Ownership --------------------------------------------------------------------------

    def start(self, turn: asyncio.Lock) -> None:
        """Begins to work from the restored table.

        `turn` is the right to fold, shared by all tasks of the process. It is held while a suspicious record is folded
        by itself and committed: no fold of another partition can end the process meanwhile and have it blamed.
        """
        self._turn = turn
        self._position = self.table.next_offset
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
                await self._commit(force=True)
                await self._commit_marks(self.marks.release())
            except Exception as error:  # noqa: BLE001  anything at all: see process_exit
                self._die(error)

    async def close(self) -> None:
        """Ends the task; call `suspend` first."""
        self._stop_accepting()  # a take-over that ended after `suspend` resumed it
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        await self.producer.close()
        self.table.close()

    def _stop_accepting(self) -> None:
        self._generation = None
        self._held.clear()
        self._gate.end()
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
                batch = await self._next_batch()
                async with self._working:
                    if batch is not None and batch.generation == self._generation:
                        await self._work(batch)
                    if self._generation is not None:
                        await self._commit(force=False)
                        await self.step.tick(self._position)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  anything at all: see process_exit
            self._die(error)

    async def _next_batch(self) -> RecordBatch | None:
        """The next batch of which something may be folded; None after a tick without one.

        Batches go on to be taken in while one is held: others of the same stream would wait behind them.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self.TICK_S
        while self._held:
            if self._gate.allowed(self._held[0].records[:1]):
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

    async def _work(self, batch: RecordBatch) -> None:
        if batch.follows > self._position:
            raise RecordsMissing(
                f"{self.source}: a batch follows offset {batch.follows}, but only records before {self._position} "
                "were folded"
            )
        records, next_offset = self._allowed(batch)
        if records:
            if opened := self.marks.open():
                await self._commit_marks(opened)
                self._log_suspicion(records[0].offset)
            await self._fold_carefully(records) if self.marks.crashes else await self._fold(records)
        if not records or self._position > records[-1].offset:  # else it was suspended half-way
            self._position = max(self._position, next_offset)

    def _allowed(self, batch: RecordBatch) -> tuple[Sequence[ConsumerRecord], int]:
        """What is left of a batch and may be folded, and the position after it; the rest is held."""
        records = [record for record in batch.records if record.offset >= self._position]
        count = self._gate.allowed(records) if records else 0
        if count == len(records):
            return records, batch.next_offset
        position = records[count - 1].offset + 1 if count else self._position
        self._held.appendleft(RecordBatch(records[count:], batch.generation, position, batch.next_offset))
        return records[:count], position

    async def _fold(self, records: Sequence[ConsumerRecord]) -> None:
        fold = self.step.fold
        async with self._turn:
            for record in records:
                fold(record)
        self._folded(records)

    def _folded(self, records: Sequence[ConsumerRecord]) -> None:
        self._position = records[-1].offset + 1
        self._uncommitted += len(records)

    async def _commit(self, *, force: bool, marks: Sequence[Outgoing] = ()) -> None:
        note = self._gate.note()
        progressed = self._position != self.table.next_offset or note != self._noted
        if not progressed and not self.step.pending():
            return
        effects = await self.step.effects(self._position, force=force)
        if effects is None:
            return
        rows = self.table.outgoing(effects.changes, self._position)
        outgoing = [*effects.outgoing, *rows]
        folded, self._uncommitted = self._uncommitted, 0
        outgoing += [*self.marks.survive(folded), *marks]
        await self.producer.commit(outgoing, self.source, self._position, note)
        self.table.next_offset, self._noted = self._position, note

    async def _commit_marks(self, marks: Sequence[Outgoing]) -> None:
        if marks:
            await self.producer.commit(marks, None, 0)

    # -- after a crash: see quarantine ------------------------------------------------------------------------------

    async def _fold_carefully(self, records: Sequence[ConsumerRecord]) -> None:
        left = list(records)
        while left and self._generation is not None:  # what is left then is fetched again by whoever owns it
            if alone := self.marks.left_to_fold_singly:
                async with self._turn:
                    await self._fold_singly(left[:alone])
                del left[:alone]
            else:
                await self._fold(left[:SMALL_BATCH_RECORDS])
                await self._commit(force=True)
                del left[:SMALL_BATCH_RECORDS]

    async def _fold_singly(self, records: Sequence[ConsumerRecord]) -> None:
        condemned = self.marks.condemned
        if records[0].offset != condemned:
            await self._commit_marks(self.marks.begin(records[0].offset))
        for record, follower in zip_longest(records, records[1:]):
            if self._generation is None:
                self.marks.spare()
                return
            if record.offset == condemned:
                self._quarantine(record, "the process ended every time while it folded this record")
            else:
                self._fold_alone(record)
            self._folded([record])
            await self._commit(force=True, marks=[] if follower is None else self.marks.begin(follower.offset))

    def _fold_alone(self, record: ConsumerRecord) -> None:
        try:
            self.step.fold(record)
        except Exception as error:  # noqa: BLE001  the culprit is exactly what is looked for here
            self.step.reset()
            self._quarantine(record, f"{type(error).__name__}: {error}")

    def _log_suspicion(self, offset: int) -> None:
        if self.marks.crashes:
            logger.warning(
                "%s: %d owners ended soon after they began; folding carefully from offset %d on",
                self.source,
                self.marks.crashes,
                offset,
            )

    def _quarantine(self, record: ConsumerRecord, detail: str) -> None:
        logger.critical("%s: record %d becomes a dead letter fold_failed: %s", self.source, record.offset, detail)
        self.step.reject(record, detail)

    def _die(self, error: BaseException) -> None:
        what = f"partition {self.source.topic}:{self.source.partition}"
        if isinstance(error, ProducerFenced):
            die(f"{what} belongs to another worker now", error, EXIT_FENCED)
        else:
            die(what, error)
