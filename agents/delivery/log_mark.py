"""Which logs the rows of a partition belong to, kept in the header of the position's record.

The value of that record stays what it was: who does not know of the header reads the position as ever, and a position
without one is of unknown logs.
"""

from collections.abc import Iterable

import msgspec

from streams.kafka.log_position import NO_EPOCH

_HEADER = "freshet.logs"


class LogMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kafka's ids of the topics: `source`, which was folded into the rows, `changelog`, which keeps them, and `orders`,
    whose position the rows keep too; "" = not known, or no such topic. `leader_epoch` as in `LogPosition`. Of `orders`
    everything before `orders_offset` was read, the last of it in the leader epoch `orders_epoch`."""

    source: str = ""
    changelog: str = ""
    orders: str = ""
    leader_epoch: int = NO_EPOCH
    orders_offset: int = 0
    orders_epoch: int = NO_EPOCH

    def headers(self) -> list[tuple[str, bytes]]:
        """What is written with the position; nothing when nothing is known."""
        return [] if self == UNKNOWN else [(_HEADER, msgspec.json.encode(self))]


#: Of a position that was written before logs were marked.
UNKNOWN = LogMark()


def mark_in(headers: Iterable[tuple[str, bytes]]) -> LogMark:
    """The mark in a position's headers."""
    return next((msgspec.json.decode(value, type=LogMark) for name, value in headers if name == _HEADER), UNKNOWN)
