"""What one folded event tells the item plane."""

import msgspec

HOUR_MS = 3_600_000


class Signal(msgspec.Struct, frozen=True, gc=False):
    """One positive event about `item_id`.

    `learns` is true when the visit teaches which items go together: not a repetition of the user's newest item, not
    more than 7 days late. `hour` is the event's hour since the epoch, `late` the partition's verdict, `offset` the
    source offset, `context` up to 30 items the user liked before it, newest first (empty unless it learns).
    """

    item_id: str
    code: int
    learns: bool
    country: str
    hour: int
    late: bool
    offset: int
    context: list[str]
