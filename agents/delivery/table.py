"""The state of one input partition, and what of it is a record of the changelog.

The rows are plain bytes to bytes. One more record travels in every changelog: the position, the offset of the next
input record that the rows do not contain yet. It makes a batch that is delivered twice harmless and a changelog that
lost its tail visible, whatever the consumer group believes. With the position goes the term of the owner who wrote it,
by which what owners write to Redis is ordered (`serving.write_order`).
Its header says which logs it is of (`LogMark`).
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord
from msgspec.structs import replace

from agents.delivery.log_mark import UNKNOWN, LogMark, mark_in
from agents.delivery.outgoing import Outgoing
from agents.delivery.store import MemoryStores, Rows, Stores
from serving.write_order import PartitionOwner
from streams.kafka.log_position import LogPosition
from tables.stored_rows import ANY_ROWS, RowRules

#: Key of the position record; no row type uses a key that starts with a zero byte.
POSITION_KEY = b"\x00position"
_POSITION = struct.Struct(">qq")  # the position, the term
_POSITION_ALONE = struct.Struct(">q")  # as former releases wrote it


def nowhere() -> LogPosition:
    """Of tables that no orders concern."""
    return LogPosition()


def no_letters(_record: ConsumerRecord, _detail: str) -> list[Outgoing]:
    """Of whoever only reads."""
    return []


@dataclass
class ChangelogTable:
    """Rows of one partition; `next_offset` is the input position that they contain everything before, `mark` says in
    which logs, `owner` is whoever writes them: the last one after a restore.

    Records of others that `rules` do not take for rows are put right by the next `claim`: see `delivery.restore`.
    `dead_letters` makes dead letters of them; `doubts` says which keys ended with such a record, and why. `orders` says
    how far the process has read what orders it is given, which is noted with each position.
    """

    topic: str
    partition: int
    stores: Stores = field(default_factory=MemoryStores)
    rules: RowRules = ANY_ROWS
    dead_letters: Callable[[ConsumerRecord, str], list[Outgoing]] = no_letters
    doubts: dict[bytes, str] = field(default_factory=dict)
    foreign: list[tuple[ConsumerRecord, str]] = field(default_factory=list)
    mended: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    has_position: bool = False
    orders: Callable[[], LogPosition] = nowhere
    rows: Rows = field(init=False)
    owner: PartitionOwner = field(init=False)
    next_offset: int = 0
    mark: LogMark = UNKNOWN

    def __post_init__(self) -> None:
        self.rows = self.stores.open(self.topic, self.partition)
        self.owner = PartitionOwner(self.partition)

    def close(self) -> None:
        """Ends the store; the rows remain in the changelog."""
        self.stores.close(self.rows)

    def load(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Applies one changelog record during a restore. A position that is none leaves the one before it."""
        if key == POSITION_KEY:
            try:
                (next_offset, term), mark = _position(value or b""), mark_in(headers)
                if mark == UNKNOWN != self.mark:
                    raise ValueError("it does not say of which log, as those before it do")
            except (ValueError, TypeError) as error:
                self.doubts[key] = f"no position: {error}"
                return
            self.next_offset, self.owner.term, self.mark, self.has_position = next_offset, term, mark, True
            self.doubts.pop(key, None)
        elif value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value

    def outgoing(self, changes: Iterable[tuple[bytes, bytes | None]], next_offset: int) -> list[Outgoing]:
        """The changelog records that make `changes`, `next_offset` and the mark durable."""
        records = [Outgoing(self.topic, self.partition, key, value) for key, value in changes]
        records.append(self._position(next_offset, self.owner.term))
        return records

    def claim(self, term: int) -> list[Outgoing]:
        """The records that make `term` durable and put right what a restore found to be wrong; they change nothing
        else."""
        dead_letters = [dead_letter for record, why in self.foreign for dead_letter in self.dead_letters(record, why)]
        rows = [Outgoing(self.topic, self.partition, key, value) for key, value in self.mended]
        return [*dead_letters, *rows, self._position(self.next_offset, term)]

    def claimed(self, term: int) -> None:
        """What `claim` gave is durable."""
        self.owner.term = term
        self.foreign.clear()
        self.mended.clear()

    def _position(self, next_offset: int, term: int) -> Outgoing:
        position = _POSITION.pack(next_offset, term)
        read = self.orders()
        if read.offset:
            self.mark = replace(self.mark, orders_offset=read.offset, orders_epoch=read.leader_epoch)
        return Outgoing(self.topic, self.partition, POSITION_KEY, position, self.mark.headers())


def _position(value: bytes) -> tuple[int, int]:
    if len(value) == _POSITION_ALONE.size:
        next_offset, term = _POSITION_ALONE.unpack(value)[0], 0
    elif len(value) == _POSITION.size:
        next_offset, term = _POSITION.unpack(value)
    else:
        raise ValueError(f"{len(value)} bytes")
    if next_offset < 0 or term < 0:
        raise ValueError(f"offset {next_offset}, term {term}")
    return next_offset, term
