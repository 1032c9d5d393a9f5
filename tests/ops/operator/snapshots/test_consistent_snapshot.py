"""A cut takes whole transactions of every table, and of what waits between them exactly what belongs to it."""

import random
from collections.abc import Mapping, Sequence

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.delivery.outgoing import Outgoing
from agents.delivery.table import ChangelogTable
from agents.retention.record_files import plain_record
from agents.retention.source_position import stamped
from ops.operator.snapshots.consistent_snapshot import NoConsistentSnapshot, read_table, read_waiting

ROWS = TopicPartition("user.rows.v1", 0)
DELTAS = TopicPartition("item.deltas.v1", 0)


class Log:
    """A partition that grows while it is read: `shown` more records a poll."""

    def __init__(self, records: Sequence[Outgoing], begin: int = 0, shown: int = 3) -> None:
        self._records = [
            plain_record(sent.topic, 0, offset, 0, sent.key, sent.value, sent.headers)
            for offset, sent in enumerate(records, begin)
        ]
        self._begin = begin
        self._shown = shown
        self._position = begin

    def assign(self, partitions: Sequence[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    async def seek_to_beginning(self, partition: TopicPartition) -> None:
        self._position = self._begin

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, self._begin)

    async def position(self, partition: TopicPartition) -> int:
        return self._position

    async def getmany(self, timeout_ms: int) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        found = [record for record in self._records if record.offset >= self._position][: self._shown]
        self._position += len(found)
        return {ROWS: found}


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.integers(0, 2**16))
async def test_rows_are_those_of_a_transactions_end(sizes: list[int], seed: int) -> None:
    pick = random.Random(seed)
    table, log, after = ChangelogTable(*ROWS), [], {0: {}}
    rows: dict[bytes, bytes] = {}
    for position, size in enumerate(sizes, 1):
        changes = [(b"r%d" % pick.randrange(5), pick.choice((None, b"%d" % position))) for _ in range(size)]
        for key, value in changes:
            rows.pop(key, None) if value is None else rows.__setitem__(key, value)
        log += table.outgoing(changes, position)
        after[position] = dict(rows)
    end = pick.randint(0, len(log))
    found = await read_table(Log(log, shown=pick.randint(1, 4)), ROWS, end)
    assert found.rows == after[found.next_offset]
    whole = sum(1 for record in log[:end] if record.key and record.key[:1] == b"\x00")
    assert found.next_offset >= whole, "everything that was committed before the end"


def delta(partition: int, position: int) -> Outgoing:
    return stamped([Outgoing(DELTAS.topic, 0, b"%d" % partition, b"x")], partition, position)[0]


async def test_what_waits_is_what_the_rows_contain() -> None:
    log = [delta(0, 10), delta(1, 5), delta(0, 20), delta(1, 9), delta(0, 30), delta(1, 12)]
    found = await read_waiting(Log(log), DELTAS, begin=1, end=6, positions={0: 20, 1: 9})
    assert [record.offset for record in found] == [1, 2, 3]


async def test_what_cannot_be_told_is_refused() -> None:
    unstamped = [delta(0, 10), replace(delta(0, 20), headers=())]
    with pytest.raises(NoConsistentSnapshot, match="of a former release"):
        await read_waiting(Log(unstamped), DELTAS, begin=0, end=2, positions={0: 20})
    with pytest.raises(NoConsistentSnapshot, match="begins at 7, its table ends at 3"):
        await read_waiting(Log([delta(0, 10)], begin=7), DELTAS, begin=3, end=8, positions={0: 20})
