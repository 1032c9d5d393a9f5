"""Which transaction of the user plane a record of an internal topic came with.

A snapshot is a cut through all tables of a version. Rows of users say their position themselves; records between the
planes that are not folded yet say with this header what they belong to: a source partition, and the position that its
rows reached in the same transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from agents.delivery.outgoing import Outgoing
from streams.contract.header_numbers import whole_number

HEADER: Final = "freshet.after"


def stamped(records: Iterable[Outgoing], partition: int, next_offset: int) -> list[Outgoing]:
    """The records of the transaction in which the rows of a source `partition` reach `next_offset`."""
    stamp = (HEADER, b"%d:%d" % (partition, next_offset))
    return [replace(record, headers=(*record.headers, stamp)) for record in records]


def source_position(headers: Sequence[tuple[str, bytes]]) -> tuple[int, int] | None:
    """(partition, next offset) of a stamped record; None when there is no stamp that can be read.

    >>> source_position([("freshet.after", b"3:4711")])
    (3, 4711)
    """
    for name, text in headers:
        if name == HEADER:
            partition, next_offset = map(whole_number, (text or b"").partition(b":")[::2])
            return None if partition is None or next_offset is None else (partition, next_offset)
    return None
