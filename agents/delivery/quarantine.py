"""What an owner does after owners before it crashed: folds carefully, until the record that ends workers is found.

How carefully, and why at most so many processes end by one record, is told by `agents.delivery.crash_marks`.
"""

import asyncio
import logging
from collections.abc import Sequence
from itertools import zip_longest
from typing import Protocol

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.crash_marks import SMALL_BATCH_RECORDS, CrashMarks
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import PartitionStep

logger = logging.getLogger(__name__)


class QuarantinedPartition(Protocol):
    """What a partition's task offers."""

    @property
    def accepts(self) -> bool:
        """Whether the partition is still worked on; what is left else is fetched again by whoever owns it next."""

    async def fold(self, records: Sequence[ConsumerRecord]) -> None:
        """Folds records as always."""

    def count(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes note of records that were folded."""

    async def commit(self, *, force: bool, marks: Sequence[Outgoing] = ()) -> None:
        """Commits what is folded, together with marks."""

    async def commit_marks(self, marks: Sequence[Outgoing]) -> None:
        """Commits marks alone."""


class Quarantine:
    """Of one partition: its `marks`, the `step` that folds, and the task that owns it."""

    def __init__(
        self, source: TopicPartition, marks: CrashMarks, step: PartitionStep, owner: QuarantinedPartition
    ) -> None:
        self._source = source
        self._marks = marks
        self._step = step
        self._owner = owner

    async def open(self, offset: int) -> None:
        """Says that an owner began, before anything from the offset on is folded; once in a term."""
        if opened := self._marks.open():
            await self._owner.commit_marks(opened)
            if crashes := self._marks.crashes:
                logger.warning(
                    "%s: %d owners ended soon after they began; folding carefully from offset %d on",
                    self._source,
                    crashes,
                    offset,
                )

    async def fold(self, records: Sequence[ConsumerRecord], turn: asyncio.Lock) -> None:
        """Folds records as carefully as the marks ask for. `turn` is the right to fold, shared by all tasks of the
        process: it is held while records are folded singly."""
        if not self._marks.crashes:
            await self._owner.fold(records)
            return
        left = list(records)
        while left and self._owner.accepts:
            if alone := self._marks.left_to_fold_one_by_one:
                async with turn:
                    await self._fold_one_by_one(left[:alone])
                del left[:alone]
            else:
                await self._owner.fold(left[:SMALL_BATCH_RECORDS])
                await self._owner.commit(force=True)
                del left[:SMALL_BATCH_RECORDS]

    async def _fold_one_by_one(self, records: Sequence[ConsumerRecord]) -> None:
        poison_offset = self._marks.poison_offset
        if records[0].offset != poison_offset:
            await self._owner.commit_marks(self._marks.begin(records[0].offset))
        for record, follower in zip_longest(records, records[1:]):
            if not self._owner.accepts:
                self._marks.cancel_attempt()
                return
            if record.offset == poison_offset:
                self._reject(record, "the process ended every time while it folded this record")
            else:
                self._fold_isolated(record)
            self._owner.count([record])
            await self._owner.commit(force=True, marks=[] if follower is None else self._marks.begin(follower.offset))

    def _fold_isolated(self, record: ConsumerRecord) -> None:
        try:
            self._step.fold(record)
        except Exception as error:  # noqa: BLE001  what ends workers is exactly what is looked for here
            self._step.reset()
            self._reject(record, f"{type(error).__name__}: {error}")

    def _reject(self, record: ConsumerRecord, detail: str) -> None:
        logger.critical("%s: record %d becomes a dead letter fold_failed: %s", self._source, record.offset, detail)
        self._step.reject(record, detail)
