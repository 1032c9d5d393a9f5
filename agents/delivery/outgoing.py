"""One record that a partition's transaction is to write."""

from collections.abc import Sequence

import msgspec


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """`key` and `value` as they go on the wire; `value` None is a tombstone; at least one of them is not None."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
