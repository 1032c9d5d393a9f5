"""What one folded event tells the item plane."""

import msgspec

NO_COMPLETION = -1


class Signal(msgspec.Struct, frozen=True, gc=False):
    """One positive, disliking or rating event about `item_id`, or one search (`item_id` "", `query` set).

    `learns` is true when the visit teaches which items go together: not a repetition of the user's newest item, not
    more than 7 days late. `hour` is the event's hour since the epoch, `late` the partition's verdict, `offset` the
    source offset, `context` up to 30 items the user used before it, newest first (empty unless it learns). `viewer`
    is the user's 4-byte hash, `completion` tenths of a percent (NO_COMPLETION = not given), `rating` hundredths of a
    star (0 = none). `watermark_ms` is the source partition's before the event.
    """

    item_id: str
    code: int
    learns: bool
    country: str
    hour: int
    late: bool
    offset: int
    context: list[str]
    viewer: int = 0
    completion: int = NO_COMPLETION
    rating: int = 0
    query: str = ""
    watermark_ms: int = 0
