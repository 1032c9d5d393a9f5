"""Finds the rows that a store refuses: halves what was refused until single records are left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from streams.sinks.sink import RowsRefused, StoreRow

Write = Callable[[Sequence[StoreRow], str], Awaitable[None]]
Place = tuple[str, int, int]


async def write_halving(rows: Sequence[StoreRow], name: str, write: Write) -> dict[Place, str]:
    """Writes all rows but those of records that are refused; these by (topic, partition, offset), with what the store
    said. Rows of one record stay together. Other errors of `write` pass through."""
    try:
        await write(rows, name)
    except RowsRefused as refusal:
        records = [list(own) for _, own in groupby(rows, key=lambda row: row[:3])]
        if len(records) == 1:
            row = rows[0]
            return {(row.topic, row.partition, row.offset): str(refusal)}
        middle = len(records) // 2
        refused: dict[Place, str] = {}
        for number, half in enumerate((records[:middle], records[middle:])):
            refused |= await write_halving([row for own in half for row in own], f"{name}/{number}", write)
        return refused
    return {}
