"""One partition task over a producer that only remembers: what is committed together, and what ends."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import count, pairwise

import pytest
from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition
from harness.patience import within
from harness.polling import eventually

from agents.delivery import partition_task
from agents.delivery.crash_marks import CLEARED_AFTER_RECORDS, SMALL_BATCH_RECORDS, CrashMarks
from agents.delivery.outgoing import Outgoing
from agents.delivery.partition_task import PartitionTask
from agents.delivery.process_exit import EXIT_FENCED, EXIT_TIMED_OUT, EXIT_UNEXPECTED
from agents.delivery.producer import TransactionTimedOut
from agents.delivery.step import BackPressure, Effects
from agents.delivery.table import ChangelogTable
from streams.kafka.record_batch import RecordBatch

SOURCE = TopicPartition("input", 0)
BATCH = 50  # two small ones
POISON = b"poison"
TIMEOUT_S = 5


class Commits:
    """A producer; waits in `commit` while `may_commit` is not set."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, bytes | None]] = []  # with the position that is committed with it, 0 = none
        self.positions: list[int] = []
        self.notes: list[str] = []
        self.rows: list[tuple[bytes | None, bytes | None]] = []
        self.may_commit = asyncio.Event()
        self.may_commit.set()
        self.moved = asyncio.Event()

    async def commit(
        self, outgoing: Iterable[Outgoing], source: TopicPartition | None, next_offset: int, note: str = ""
    ) -> None:
        await self.may_commit.wait()
        self.marks += [(next_offset, record.value) for record in outgoing if record.topic == "marks"]
        self.rows += [(record.key, record.value) for record in outgoing if record.topic == "rows"]
        if source is not None:
            self.positions.append(next_offset)
            self.notes.append(note)
        asyncio.get_running_loop().call_soon(self.moved.set)  # once the task knows too

    async def close(self) -> None: ...


class Counting:
    """A step that counts; a poisonous record ends the process."""

    def __init__(self) -> None:
        self.folded = 0
        self.rejected: list[int] = []
        self.waited: list[tuple[int, bool]] = []

    def fold(self, record: ConsumerRecord) -> None:
        self.folded += 1
        if record.value == POISON:
            raise ZeroDivisionError

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        self.rejected.append(record.offset)

    def pending(self) -> bool:
        return False

    async def effects(self, next_offset: int, *, force: bool) -> Effects:
        return Effects()

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        self.waited.append((next_offset, waits))

    def reset(self) -> None: ...

    def counters(self) -> dict[str, int]:
        return {}


class Until:
    """A gate that lets records before an offset through."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.ended = False

    def allowed(self, records: Sequence[ConsumerRecord]) -> int:
        return sum(record.offset < self.offset for record in records)

    def note(self) -> str:
        return f"until {self.offset}"

    def wait(self, record: ConsumerRecord) -> None:
        assert record.offset >= self.offset
        self.ended = False

    def go(self) -> None:
        self.ended = True


class Owners:
    """One owner of the partition after the other; each restores what the former one committed."""

    def __init__(self) -> None:
        self.commits, self.step = Commits(), Counting()
        self.ended = 0
        self._generations = count(1)
        self._stored: dict[bytes, bytes] = {}
        self.next_offset = 0
        self.task: PartitionTask | None = None

    async def new(self, back_pressure: BackPressure | None = None) -> PartitionTask:
        marks = CrashMarks("marks", *SOURCE)
        marks.table.rows = self._stored
        table = ChangelogTable("rows", 0)
        table.next_offset = self.next_offset
        self.task = PartitionTask(SOURCE, self.commits, table, marks, self.step, back_pressure)  # type: ignore[arg-type]
        self.task.start(asyncio.Lock())
        self.generation = next(self._generations)
        self.task.resume(self.generation)
        return self.task

    async def run(self, log: list[bytes]) -> None:
        """Until the log is folded; an owner that ends has a next owner."""
        while self.next_offset < len(log):
            task = await self.new()
            feeding = asyncio.ensure_future(self._feed(task, log))
            assert task._runner is not None
            await asyncio.wait([feeding, task._runner], return_when=asyncio.FIRST_COMPLETED)
            if task._runner.done():
                self.ended += 1
                feeding.cancel()
            else:
                await task.suspend()
            await self.end()

    async def _feed(self, task: PartitionTask, log: list[bytes]) -> None:
        for start in range(task.position, len(log), BATCH):
            await task.submit(self.batch(log, start))
        while task.table.next_offset < len(log):
            self.commits.moved.clear()
            await self.commits.moved.wait()

    def batch(self, log: list[bytes], start: int) -> RecordBatch:
        records = [
            ConsumerRecord(*SOURCE, offset, 0, 1, b"k", log[offset], None, 0, 0, ())
            for offset in range(start, min(start + BATCH, len(log)))
        ]
        return RecordBatch(records, self.generation, start, start + len(records))

    async def end(self) -> None:
        assert self.task is not None
        self.next_offset = self.task.table.next_offset
        await self.task.close()


@pytest.fixture
async def owners(monkeypatch: pytest.MonkeyPatch) -> Owners:
    monkeypatch.setattr(partition_task, "die", lambda what, error: print(what, error))  # and its runner is over
    return Owners()


async def test_a_thousand_records_are_marked_once_and_then_cleared(owners: Owners) -> None:
    await owners.run([b"x"] * (CLEARED_AFTER_RECORDS + 3 * BATCH))
    opened, cleared = owners.commits.marks
    assert opened[1] is not None
    assert cleared[1] is None
    assert CLEARED_AFTER_RECORDS <= cleared[0] < CLEARED_AFTER_RECORDS + PartitionTask.SMALL_ROUND + BATCH
    assert owners.ended == 0


async def test_whoever_leaves_in_good_order_leaves_no_mark(owners: Owners) -> None:
    await owners.run([b"x"] * BATCH)
    assert owners.commits.marks[-1] == (0, None)


@pytest.mark.parametrize("poisonous", [0, 1, BATCH, 6 * BATCH - 1, CLEARED_AFTER_RECORDS + 7 * BATCH + 3])
async def test_a_record_that_raises_ends_three_owners_at_most_wherever_it_is(owners: Owners, poisonous: int) -> None:
    log = [b"x"] * (poisonous + 200)
    log[poisonous] = POISON
    await within(TIMEOUT_S, owners.run(log))
    assert owners.step.rejected == [poisonous]
    assert owners.ended <= 3
    assert owners.next_offset == len(log)


async def test_after_a_crash_every_small_batch_is_committed_by_itself(owners: Owners) -> None:
    log = [b"x"] * BATCH
    await owners.new()
    await owners.task.submit(owners.batch(log, 0))  # type: ignore[union-attr]
    owners.commits.may_commit.clear()
    await owners.end()  # it opened its mark and ended

    owners.commits.may_commit.set()
    owners.task.marks.table.load(b"input:0", b'{"crashes":0,"is_open":true}')  # type: ignore[union-attr]
    await owners.run(log)
    assert owners.commits.positions == [SMALL_BATCH_RECORDS, BATCH]


async def test_whoever_waits_to_hand_over_a_batch_goes_on_when_the_task_is_closed(owners: Owners) -> None:
    log = [b"x"] * (3 * BATCH)
    task = await owners.new()
    owners.commits.may_commit.clear()  # the first batch is worked on, the second one queued, the third one waits

    async def submit_all() -> None:
        for start in range(0, len(log), BATCH):
            await task.submit(owners.batch(log, start))

    submitting = asyncio.ensure_future(submit_all())
    for _ in range(10):  # turns of the loop: no server is waited for
        await asyncio.sleep(0)
    assert task._inbox.full()
    assert not submitting.done()
    await task.close()
    await within(TIMEOUT_S, submitting)


async def test_a_handover_does_not_wait_for_more_than_a_small_batch_of_careful_work(owners: Owners) -> None:
    log = [b"x"] * BATCH
    task = await owners.new()
    task.marks.table.load(b"input:0", b'{"crashes":0,"is_open":true}')
    commit = owners.commits.commit

    async def commit_and_suspend(
        outgoing: Iterable[Outgoing], source: TopicPartition | None, next_offset: int, note: str = ""
    ) -> None:
        await commit(outgoing, source, next_offset, note)
        if source is not None:
            suspending.append(asyncio.ensure_future(task.suspend()))
            await asyncio.sleep(0)

    suspending: list[asyncio.Task[None]] = []
    owners.commits.commit = commit_and_suspend  # type: ignore[method-assign]
    await task.submit(owners.batch(log, 0))
    await owners.commits.moved.wait()
    await within(TIMEOUT_S, asyncio.gather(*suspending))
    assert owners.commits.positions == [SMALL_BATCH_RECORDS]
    assert task.position == SMALL_BATCH_RECORDS


async def test_what_may_not_be_folded_yet_waits_in_order_and_nobody_waits_behind_it(owners: Owners) -> None:
    log, back_pressure = [b"x"] * (4 * BATCH), Until(0)
    task = await owners.new(back_pressure)
    for start in range(0, len(log), BATCH):
        await within(TIMEOUT_S, task.submit(owners.batch(log, start)))
    await within(TIMEOUT_S, owners.commits.moved.wait())
    assert (owners.commits.positions[-1], owners.step.folded) == (0, 0)
    assert owners.commits.notes[-1] == "until 0", "others are told although nothing was folded"
    for offset in (BATCH + 7, 2 * BATCH, len(log)):
        back_pressure.offset = offset
        while task.table.next_offset < offset:
            owners.commits.moved.clear()
            await within(TIMEOUT_S, owners.commits.moved.wait())
        assert (task.position, owners.step.folded) == (offset, offset)
    await task.suspend()
    assert back_pressure.ended


async def test_what_waits_is_dropped_when_the_partition_is_given_away(owners: Owners) -> None:
    log, back_pressure = [b"x"] * (2 * BATCH), Until(7)
    task = await owners.new(back_pressure)
    await task.submit(owners.batch(log, 0))
    await within(TIMEOUT_S, owners.commits.moved.wait())
    await task.suspend()
    back_pressure.offset = len(log)
    task.resume(owners.generation)
    await task.submit(owners.batch(log, 0))  # fetched again
    await task.submit(owners.batch(log, BATCH))
    while task.table.next_offset < len(log):
        owners.commits.moved.clear()
        await within(TIMEOUT_S, owners.commits.moved.wait())
    assert owners.step.folded == len(log)


async def test_a_term_is_one_more_than_the_last_owners_and_travels_with_the_position(owners: Owners) -> None:
    terms = []
    for _ in range(3):
        task = await owners.new()
        for key, value in owners.commits.rows:
            task.table.load(key or b"", value)
        await task.claim()
        await owners.end()
        terms.append(task.table.owner.term)
    assert terms == [1, 2, 3]
    restored = ChangelogTable("rows", 0)
    for key, value in owners.commits.rows:
        restored.load(key or b"", value)
    assert (restored.owner.term, restored.next_offset) == (3, 0)


async def test_who_meets_a_later_owner_in_redis_asks_kafka_and_goes_on_beyond_it(owners: Owners) -> None:
    task = await owners.new()
    await task.claim()
    task.table.owner.is_refused(7)
    async with asyncio.timeout(TIMEOUT_S):
        while task.table.owner.is_contested:  # noqa: ASYNC110  # the task's own loop ends it
            await asyncio.sleep(0.01)
    assert task.table.owner.term == 8
    await owners.end()


def test_a_position_of_a_former_release_is_read() -> None:
    table = ChangelogTable("rows", 0)
    table.load(b"\x00position", (9).to_bytes(8, "big"))
    assert (table.next_offset, table.owner.term) == (9, 0)


@pytest.mark.parametrize(
    ("error", "term_in_log", "code"),
    [
        (ProducerFenced("x"), 1, EXIT_FENCED),
        (TransactionTimedOut("open for 20 s"), 2, EXIT_FENCED),  # it slept, and another worker went on
        (TransactionTimedOut("open for 20 s"), 1, EXIT_TIMED_OUT),
        (TransactionTimedOut("open for 20 s"), None, EXIT_TIMED_OUT),
        (ValueError("x"), 1, EXIT_UNEXPECTED),
    ],
)
async def test_the_exit_code_says_what_ended_the_process(
    owners: Owners, monkeypatch: pytest.MonkeyPatch, error: Exception, term_in_log: int | None, code: int
) -> None:
    ends: list[int] = []

    def die(what: str, error: BaseException, code: int = EXIT_UNEXPECTED) -> None:
        assert SOURCE.topic in what
        ends.append(code)
        raise error

    async def last_term(_: ChangelogTable) -> int | None:
        return term_in_log

    monkeypatch.setattr(partition_task, "die", die)
    task = await owners.new()
    await task.claim()
    monkeypatch.setattr(owners.commits, "last_term", last_term, raising=False)

    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(owners.commits, "commit", fail)
    await task.submit(owners.batch([b"x"], 0))
    assert task._runner is not None
    await asyncio.wait([task._runner], timeout=TIMEOUT_S)
    assert ends == [code]
    assert task._runner.exception() is error


async def test_a_cancelled_call_of_a_client_ends_the_process_not_the_task_alone(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[tuple[int, ...]] = []

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(partition_task, "die", lambda *given: ends.append(given[2:]))
    task = await owners.new()
    await task.claim()
    monkeypatch.setattr(owners.commits, "commit", cancelled)
    await task.submit(owners.batch([b"x"], 0))
    assert task._runner is not None
    await asyncio.wait([task._runner], timeout=TIMEOUT_S)
    assert ends == [()]  # without a code: that of the unexpected


async def test_a_cancelled_call_of_a_client_ends_the_worker_that_gives_a_partition_away(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[tuple[int, ...]] = []

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(partition_task, "die", lambda *given: ends.append(given[2:]))
    task = await owners.new()
    await task.claim()
    monkeypatch.setattr(task, "commit_marks", cancelled)
    await task.suspend()
    assert ends == [()]


async def test_small_batches_that_come_while_it_is_busy_are_folded_together(owners: Owners) -> None:
    log = [b"x"] * 61
    task = await owners.new()
    await within(TIMEOUT_S, task.submit(small_batch(owners, log, 0, 1)))
    await within(TIMEOUT_S, owners.commits.moved.wait())
    assert owners.commits.positions == [1], "after quiet it does not wait"
    for start in range(1, len(log), 3):
        await within(TIMEOUT_S, task.submit(small_batch(owners, log, start, start + 3)))
    while task.table.next_offset < len(log):
        owners.commits.moved.clear()
        await within(TIMEOUT_S, owners.commits.moved.wait())
    assert len(owners.commits.positions) <= 4, "twenty batches in a round, or a few on a slow machine"
    await owners.end()


async def test_a_step_is_told_whether_more_waits(owners: Owners) -> None:
    task, log = await owners.new(), [b"x"] * (2 * BATCH)
    async with task._working:  # while the first one is worked on, the second one comes
        for start in (0, BATCH):
            await within(TIMEOUT_S, task.submit(owners.batch(log, start)))
    owners.step.waited.clear()

    async def is_quiet() -> bool:
        return (2 * BATCH, False) in owners.step.waited

    await eventually("a tick without a batch", is_quiet)
    assert (BATCH, True) in owners.step.waited
    assert (2 * BATCH, True) not in owners.step.waited
    await owners.end()


async def test_a_round_ends_however_much_there_is(owners: Owners) -> None:
    await owners.run([b"x"] * (6 * BATCH))
    steps = [after - before for before, after in pairwise([0, *owners.commits.positions])]
    assert max(steps) < PartitionTask.SMALL_ROUND + BATCH
    assert sum(steps) == 6 * BATCH


async def test_what_comes_within_a_round_waits_behind_what_is_held_of_it(owners: Owners) -> None:
    log, back_pressure = [b"x"] * 7, Until(2)
    task = await owners.new(back_pressure)
    await within(TIMEOUT_S, task.submit(small_batch(owners, log, 0, 1)))
    await within(TIMEOUT_S, owners.commits.moved.wait())
    for start in (1, 4):
        await within(TIMEOUT_S, task.submit(small_batch(owners, log, start, start + 3)))
    while task.table.next_offset < 2:
        owners.commits.moved.clear()
        await within(TIMEOUT_S, owners.commits.moved.wait())
    back_pressure.offset = len(log)
    while task.table.next_offset < len(log):
        owners.commits.moved.clear()
        await within(TIMEOUT_S, owners.commits.moved.wait())
    assert owners.step.folded == len(log)
    await owners.end()


def small_batch(owners: Owners, log: list[bytes], start: int, end: int) -> RecordBatch:
    records = [ConsumerRecord(*SOURCE, at, 0, 1, b"k", log[at], None, 0, 0, ()) for at in range(start, end)]
    return RecordBatch(records, owners.generation, start, end)


async def test_counts_stay_when_a_partition_is_given_away() -> None:
    owners = Owners()
    owners.step.counters = lambda: {"folded": owners.step.folded}  # type: ignore[method-assign]
    task = await owners.new()
    owners.step.folded = 5
    task.hand_counts_over()
    assert task._times.former["folded"] == 5
    owners.step.folded = 7  # while it ends
    await task.close()
    assert task._times.former["folded"] == 7
    await task.close()
    assert task._times.former["folded"] == 7
