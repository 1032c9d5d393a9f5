"""The state of one input partition and its bulk restore from the changelog.

The rows are plain bytes to bytes. One more record travels in every changelog: the position, the offset of the next
input record that the rows do not contain yet. It makes a batch that is delivered twice harmless and a changelog that
lost its tail visible, whatever the consumer group believes.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.outgoing import Outgoing
from agents.delivery.store import MemoryStores, Rows, Stores
from streams.bulk_read import bulk_consumer, read_to_end

#: Key of the position record; no row type uses a key that starts with a zero byte.
POSITION_KEY = b"\x00position"
_POSITION = struct.Struct(">q")


@dataclass
class ChangelogTable:
    """Rows of one partition; `next_offset` is the input position that they contain everything before."""

    topic: str
    partition: int
    stores: Stores = field(default_factory=MemoryStores)
    rows: Rows = field(init=False)
    next_offset: int = 0

    def __post_init__(self) -> None:
        self.rows = self.stores.open(self.topic, self.partition)

    def close(self) -> None:
        """Ends the store; the rows remain in the changelog."""
        self.stores.close(self.rows)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Applies one changelog record during a restore."""
        if key == POSITION_KEY:
            self.next_offset = _POSITION.unpack(value or b"")[0]
        elif value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value

    def outgoing(self, changes: Iterable[tuple[bytes, bytes | None]], next_offset: int) -> list[Outgoing]:
        """The changelog records that make `changes` and `next_offset` durable."""
        records = [Outgoing(self.topic, self.partition, key, value) for key, value in changes]
        records.append(Outgoing(self.topic, self.partition, POSITION_KEY, _POSITION.pack(next_offset)))
        return records


async def restore(bootstrap: str, tables: Sequence[ChangelogTable]) -> int:
    """Fills empty `tables` from their changelogs with one consumer; returns the number of records read.

    Call it after the partitions' producers have fenced their former owners: only then is the end of each changelog
    final.
    """
    by_partition: dict[TopicPartition, list[ChangelogTable]] = defaultdict(list)
    for table in tables:
        by_partition[TopicPartition(table.topic, table.partition)].append(table)

    def apply(record: ConsumerRecord) -> None:
        for table in by_partition[TopicPartition(record.topic, record.partition)]:
            table.load(record.key, record.value)

    if not by_partition:
        return 0
    async with bulk_consumer(bootstrap) as consumer:
        return await read_to_end(consumer, by_partition, apply)
