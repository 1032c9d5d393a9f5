"""Logs, transactions and committed offsets, as far as exactly-once delivery depends on them.

The decision of a transaction is one step of its coordinator; its markers reach the partitions and the group's offsets
later, one by one. Until then nobody who reads committed records gets past its first record (the last stable offset).
`init` is InitProducerId: it fences, aborts what is open, and answers only when all markers are written.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition

from simulation.world import TryLater, World

Headers = tuple[tuple[str, bytes | None], ...]
Sent = tuple[bytes | None, bytes | None, Headers]
MARKER_DELAY_S = 0.3


@dataclass(slots=True)
class Transaction:
    """What one producer wrote between begin and end; `committed` None: not decided."""

    committed: bool | None = None
    partitions: set[TopicPartition] = field(default_factory=set)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    unmarked: int = 0


@dataclass(slots=True)
class Entry:
    """One place in a log; a marker has no record."""

    record: ConsumerRecord | None
    transaction: Transaction | None


class Log:
    """One partition."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.open: dict[int, int] = {}  # id of an unmarked transaction -> its first offset here
        self._leader_epochs = [0]  # first offset of each leader epoch

    @property
    def stable_end(self) -> int:
        """The last stable offset: committed readers see nothing from here on."""
        return min(self.open.values(), default=len(self.entries))

    def cut_off(self, end: int) -> None:
        """A leader is elected that lacks what is from `end` on."""
        del self.entries[end:]
        self._leader_epochs = [min(first, end) for first in self._leader_epochs]
        self._leader_epochs.append(end)

    def epoch_at(self, offset: int) -> int:
        """The leader epoch of the record at an offset."""
        return max(epoch for epoch, first in enumerate(self._leader_epochs) if first <= offset)

    def epoch_end(self, epoch: int) -> int:
        """Where a leader epoch ends."""
        return self._leader_epochs[epoch + 1] if epoch + 1 < len(self._leader_epochs) else len(self.entries)

    def fetch(self, start: int, limit: int) -> tuple[list[ConsumerRecord], int, list[int]]:
        """As `read`, with the leader epochs of the records, which are in the bytes that are fetched."""
        records, position = self.read(start, limit)
        return records, position, [self.epoch_at(record.offset) for record in records]

    def read(self, start: int, limit: int, end: int | None = None) -> tuple[list[ConsumerRecord], int]:
        """Up to `limit` committed records from `start`, and the position after them and what is skipped behind them."""
        end = self.stable_end if end is None else end
        found: list[ConsumerRecord] = []
        position = start
        for entry in self.entries[start:end]:
            committed = entry.record is not None and (entry.transaction is None or entry.transaction.committed)
            if committed and len(found) == limit:
                break
            if committed:
                assert entry.record is not None
                found.append(entry.record)
            position += 1
        return found, position


@dataclass(slots=True)
class Coordinated:
    """The state of one transactional id."""

    epoch: int = -1
    current: Transaction | None = None
    ending: Transaction | None = None


class Kafka:
    """All partitions of all topics, and one group."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.logs: defaultdict[TopicPartition, Log] = defaultdict(Log)
        self.committed: dict[TopicPartition, int] = {}
        self.ids: defaultdict[str, Coordinated] = defaultdict(Coordinated)
        self.busy = 0  # transactions whose markers are not all written

    def publish(
        self, tp: TopicPartition, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> int:
        """Appends one record of a plain producer."""
        return self._append(tp, (key, value, headers), None, timestamp_ms)

    def _append(self, tp: TopicPartition, sent: Sent, transaction: Transaction | None, timestamp_ms: int) -> int:
        log = self.logs[tp]
        offset = len(log.entries)
        key, value, headers = sent
        record: ConsumerRecord = ConsumerRecord(
            tp.topic, tp.partition, offset, timestamp_ms, 1, key, value, None, 0, 0, headers
        )
        log.entries.append(Entry(record, transaction))
        return offset

    # -- transactions ---------------------------------------------------------------------------------------------

    def init(self, transactional_id: str) -> int:
        """A new epoch, once nothing of the former ones is open or unmarked."""
        state = self.ids[transactional_id]
        if state.current is not None:
            state.epoch += 1  # fences at once; the new owner gets the epoch after this one
            self._decide(state, committed=False)
        if state.ending is not None:
            raise TryLater
        state.epoch += 1
        return state.epoch

    def _state(self, transactional_id: str, epoch: int) -> Coordinated:
        state = self.ids[transactional_id]
        if epoch != state.epoch:
            raise ProducerFenced(f"{transactional_id}: epoch {epoch} is not {state.epoch}")
        if state.ending is not None:
            raise TryLater  # CONCURRENT_TRANSACTIONS
        if state.current is None:
            state.current = Transaction()
        return state

    def produce(self, transactional_id: str, epoch: int, tp: TopicPartition, records: Iterable[Sent]) -> None:
        """Appends records to the id's open transaction; opens one when there is none."""
        state = self._state(transactional_id, epoch)
        transaction = state.current
        assert transaction is not None
        log = self.logs[tp]
        if tp not in transaction.partitions:
            transaction.partitions.add(tp)
            log.open[id(transaction)] = len(log.entries)
        for sent in records:
            self._append(tp, sent, transaction, 0)

    def add_offsets(self, transactional_id: str, epoch: int, offsets: dict[TopicPartition, tuple[int, str]]) -> None:
        """Adds group offsets to the id's open transaction."""
        transaction = self._state(transactional_id, epoch).current
        assert transaction is not None
        transaction.offsets.update({tp: offset for tp, (offset, _) in offsets.items()})

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """Decides the open transaction. The answer does not wait for the markers."""
        self._decide(self._state(transactional_id, epoch), committed=commit)

    def _decide(self, state: Coordinated, *, committed: bool) -> None:
        transaction = state.current
        assert transaction is not None
        state.current, state.ending = None, transaction
        transaction.committed = committed
        transaction.unmarked = len(transaction.partitions) + 1
        self.busy += 1
        for tp in sorted(transaction.partitions):
            self._world.after(self._marker_delay_s(), self._mark, state, transaction, tp)
        self._world.after(self._marker_delay_s(), self._mark, state, transaction, None)

    def _marker_delay_s(self) -> float:
        draw = self._world.random.random()
        return MARKER_DELAY_S * draw if draw < 0.15 else 0.002 * draw

    def _mark(self, state: Coordinated, transaction: Transaction, tp: TopicPartition | None) -> None:
        if tp is None:
            if transaction.committed:
                self.committed.update(transaction.offsets)
        else:
            log = self.logs[tp]
            log.entries.append(Entry(None, transaction))
            del log.open[id(transaction)]
        transaction.unmarked -= 1
        if not transaction.unmarked:
            state.ending = None
            self.busy -= 1

    # -- what tests ask -------------------------------------------------------------------------------------------

    def table(self, tp: TopicPartition) -> dict[bytes, bytes]:
        """What compaction would leave of a partition's committed records."""
        rows: dict[bytes, bytes] = {}
        for record in self.logs[tp].read(0, 1 << 30)[0]:
            if record.value is None:
                rows.pop(record.key, None)
            else:
                rows[record.key] = record.value
        return rows
