"""The state of one input partition and its bulk restore from the changelog.

The rows are plain bytes to bytes. One more record travels in every changelog: the position, the offset of the next
input record that the rows do not contain yet. It makes a batch that is delivered twice harmless and a changelog that
lost its tail visible, whatever the consumer group believes.
"""

import logging
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from agents.delivery.outgoing import Outgoing

logger = logging.getLogger(__name__)

#: Key of the position record; no row type uses a key that starts with a zero byte.
POSITION_KEY = b"\x00position"
_POSITION = struct.Struct(">q")

_FETCH_BYTES = 8 * 1024 * 1024
_POLL_MS = 200


@dataclass
class ChangelogTable:
    """Rows of one partition; `next_offset` is the input position that they contain everything before."""

    topic: str
    partition: int
    rows: dict[bytes, bytes] = field(default_factory=dict)
    next_offset: int = 0

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
    final. `position()` is compared with the end offset because the last record of a transactional log is a marker
    that is never delivered.
    """
    if not tables:
        return 0
    by_partition: dict[TopicPartition, list[ChangelogTable]] = defaultdict(list)
    for table in tables:
        by_partition[TopicPartition(table.topic, table.partition)].append(table)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=4 * _FETCH_BYTES,
    )
    await consumer.start()
    try:
        consumer.assign(list(by_partition))
        await consumer.seek_to_beginning(*by_partition)
        return await _read_to_end(consumer, by_partition)
    finally:
        await consumer.stop()


async def _read_to_end(consumer: AIOKafkaConsumer, tables: Mapping[TopicPartition, list[ChangelogTable]]) -> int:
    ends = await consumer.end_offsets(list(tables))
    pending, count = set(tables), 0
    while pending := {tp for tp in pending if await consumer.position(tp) < ends[tp]}:
        for tp, records in (await consumer.getmany(*pending, timeout_ms=_POLL_MS)).items():
            for table in tables[tp]:
                for record in records:
                    table.load(record.key, record.value)
            count += len(records)
    return count
