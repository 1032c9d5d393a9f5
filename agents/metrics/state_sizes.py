"""How many rows a worker holds, and their bytes: a look now and then, because adding up a million takes a while."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from aiokafka.structs import TopicPartition

from agents.delivery.ownership import Ownership
from agents.delivery.store import RocksRows, Rows

LOOK_S, SOON_S = 60.0, 1.0
#: Rows before everything else in the process has its turn; about a millisecond.
ROWS_A_TURN = 10_000


class StateSizes:
    """`rows` and `size_bytes` by changelog topic, as of the last look."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self.rows: Mapping[str, int] = {}
        self.size_bytes: Mapping[str, int] = {}

    async def run(self) -> None:
        """Looks until cancelled, soon again while nothing is owned."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S if self.rows else SOON_S)

    async def look(self) -> None:
        """Adds up what the owned partitions hold; one that is given away meanwhile is left out."""
        rows: Counter[str] = Counter()
        size_bytes: Counter[str] = Counter()
        for tp in list(self._ownership.tasks):
            found = await self._size_of(tp)
            if found is not None:
                table = self._ownership.tasks[tp].table
                rows[table.topic] += found[0]
                size_bytes[table.topic] += found[1]
        self.rows, self.size_bytes = rows, size_bytes

    async def _size_of(self, tp: TopicPartition) -> tuple[int, int] | None:
        table = self._ownership.tasks[tp].table if tp in self._ownership.tasks else None
        if table is None:
            return None
        if isinstance(table.rows, RocksRows):
            return table.rows.estimated_size()
        keys, size_bytes = list(table.rows), 0
        for start in range(0, len(keys), ROWS_A_TURN):
            if (task := self._ownership.tasks.get(tp)) is None or task.table is not table:
                return None
            size_bytes += _size_of(table.rows, keys[start : start + ROWS_A_TURN])
            await asyncio.sleep(0)
        task = self._ownership.tasks.get(tp)
        return None if task is None or task.table is not table else (len(keys), size_bytes)


def _size_of(rows: Rows, keys: list[bytes]) -> int:
    """Of those of the keys that are still there.

    >>> _size_of({b"a": b"123", b"b": b""}, [b"a", b"b", b"gone"])
    5
    """
    return sum(len(key) + len(value) for key in keys if (value := rows.get(key)) is not None)
