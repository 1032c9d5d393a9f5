"""One owned input partition: batches in, one transaction out, one thing at a time."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.process_exit import EXIT_FENCED, die
from agents.delivery.producer import PartitionProducer
from agents.delivery.quarantine import CrashMarks
from agents.delivery.step import Step
from agents.delivery.table import ChangelogTable
from streams.record_batch import RecordBatch

logger = logging.getLogger(__name__)


class RecordsMissing(RuntimeError):
    """A batch does not follow what was folded before it: records were dropped between the broker and the owner."""


class PartitionTask:
    """Runs a `Step` over one partition. Any unexpected error ends the process before anything is committed."""

    TICK_S = 0.2

    def __init__(
        self,
        source: TopicPartition,
        producer: PartitionProducer,
        table: ChangelogTable,
        marks: CrashMarks,
        step: Step,
    ) -> None:
        self.source = source
        self.producer = producer
        self.table = table
        self.marks = marks
        self.step = step
        self._inbox: asyncio.Queue[RecordBatch] = asyncio.Queue(maxsize=1)
        self._working = asyncio.Lock()
        self._generation: int | None = None  # None: suspended
        self._position = 0
        self._checked_first_batch = False
        self._turn = asyncio.Lock()
        self._runner: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        """Offset of the next record to fold; what precedes it is folded, though maybe not committed yet."""
        return self._position

    # -- life cycle, driven by Ownership --------------------------------------------------------------------------

    def start(self, turn: asyncio.Lock) -> None:
        """Begins to work from the restored table.

        `turn` is shared by all tasks of the process and held during the first batch: a record that ends the process
        then leaves the mark of its own batch only, and no other partition is blamed for it.
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
        try:
            return await asyncio.wait_for(self._inbox.get(), self.TICK_S)
        except TimeoutError:
            return None

    async def _work(self, batch: RecordBatch) -> None:
        if batch.follows > self._position:
            raise RecordsMissing(
                f"{self.source}: a batch follows offset {batch.follows}, but only records before {self._position} "
                "were folded"
            )
        records = [record for record in batch.records if record.offset >= self._position]
        if not self._checked_first_batch and records:
            async with self._turn:
                await self._work_first(records, batch.next_offset)
            self._checked_first_batch = True
            return
        self._fold(records, batch.next_offset)

    def _fold(self, records: Sequence[ConsumerRecord], next_offset: int) -> None:
        fold = self.step.fold
        for record in records:
            fold(record)
        self._position = max(self._position, next_offset)

    async def _commit(self, *, force: bool) -> None:
        progressed = self._position != self.table.next_offset
        if not progressed and not self.step.pending():
            return
        effects = await self.step.effects(self._position, force=force)
        if effects is None:
            return
        rows = self.table.outgoing(effects.changes, self._position)
        outgoing = [*effects.outgoing, *rows]
        if progressed:  # a mark is of the next batch until that one is committed
            outgoing += self.marks.clear()
        await self.producer.commit(outgoing, self.source, self._position)
        self.table.next_offset = self._position

    # -- the first batch after a restore, and quarantine -----------------------------------------------------------

    async def _work_first(self, records: Sequence[ConsumerRecord], next_offset: int) -> None:
        mark, offset = self.marks.mark, records[0].offset
        suspicious = mark is not None and mark.offset == offset and (mark.single or mark.exhausted)
        if suspicious:
            logger.error("%s: the batch at offset %d ended workers before; folding it singly", self.source, offset)
            for record in records:
                await self._work_single(record)
            self._position = max(self._position, next_offset)
            return
        await self.producer.commit(self.marks.begin(offset, single=False), None, 0)
        self._fold(records, next_offset)
        await self._commit(force=True)

    async def _work_single(self, record: ConsumerRecord) -> None:
        mark = self.marks.mark
        if mark is not None and mark.single and mark.offset == record.offset and mark.exhausted:
            self._quarantine(record, f"the process ended {mark.attempts} times while folding this record")
        else:
            await self.producer.commit(self.marks.begin(record.offset, single=True), None, 0)
            try:
                self.step.fold(record)
            except Exception as error:  # noqa: BLE001  the culprit is exactly what is looked for here
                self.step.reset()
                self._quarantine(record, f"{type(error).__name__}: {error}")
        self._position = record.offset + 1
        await self._commit(force=True)

    def _quarantine(self, record: ConsumerRecord, detail: str) -> None:
        logger.critical("%s: record %d becomes a dead letter fold_failed: %s", self.source, record.offset, detail)
        self.step.reject(record, detail)

    def _die(self, error: BaseException) -> None:
        what = f"partition {self.source.topic}:{self.source.partition}"
        if isinstance(error, ProducerFenced):
            die(f"{what} belongs to another worker now", error, EXIT_FENCED)
        else:
            die(what, error)
