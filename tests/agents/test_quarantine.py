"""Nobody is blamed for what another partition of the same process does."""

import asyncio
from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.crash_marks import CrashMarks
from agents.delivery.outgoing import Outgoing
from agents.delivery.quarantine import Quarantine

SOURCE = TopicPartition("input", 0)


class Task:
    """A partition's task, and its step, that note when the right to fold is free."""

    accepts = True

    def __init__(self, turn: asyncio.Lock) -> None:
        self.turn = turn
        self.folded: list[tuple[int, bool]] = []
        self.committed_in_turn: list[bool] = []

    def fold(self, record: ConsumerRecord) -> None:
        self.folded.append((record.offset, self.turn.locked()))

    def count(self, records: Sequence[ConsumerRecord]) -> None: ...

    async def commit(self, *, force: bool, marks: Sequence[Outgoing] = ()) -> None:
        await asyncio.sleep(0)
        self.committed_in_turn.append(self.turn.locked())

    async def commit_marks(self, marks: Sequence[Outgoing]) -> None:
        await asyncio.sleep(0)
        self.committed_in_turn.append(self.turn.locked())


async def test_no_other_partition_folds_while_a_record_is_folded_by_itself() -> None:
    turn = asyncio.Lock()
    marks = CrashMarks("marks", *SOURCE)
    marks.table.load(b"input:0", b'{"crashes":2,"is_open":true}')
    task = Task(turn)
    quarantine = Quarantine(SOURCE, marks, task, task)  # type: ignore[arg-type]
    await quarantine.open(0)
    task.committed_in_turn.clear()
    records = [ConsumerRecord(*SOURCE, offset, 0, 1, b"k", b"v", None, 0, 0, ()) for offset in range(5)]
    await quarantine.fold(records, turn)
    assert task.folded == [(offset, True) for offset in range(5)]
    assert len(task.committed_in_turn) == 6
    assert all(task.committed_in_turn)
    assert not turn.locked()
