"""What one folded event tells the item plane."""

import msgspec

from streams.contract.event_weights import FINISHED_PCT

NO_COMPLETION = -1
#: A completion that a finished watch has at least.
FINISHED_TENTHS = round(FINISHED_PCT * 10)


class Signal(msgspec.Struct, frozen=True, gc=False):
    """One positive, disliking or rating event about `item_id`, or one search (`item_id` "", `query` set).

    `learns` is true when the visit teaches which items go together: not a repetition of the user's newest item, not
    more than 7 days late. `hour` is the event's hour since the epoch, `late` the partition's verdict, `offset` the
    source offset, `context` up to 30 items the user used before it, newest first (empty unless it learns). `first`
    says that the user had not used the item before, `completion` is tenths of a percent (NO_COMPLETION = not given),
    `rating` hundredths of a star (0 = none). `watermark_ms` is the source partition's before the event. Late events
    count in no bucket of an hour, and those that are not `in_trends` in no count of a day either: they were more than a
    day's share.
    """

    item_id: str
    code: int
    learns: bool
    country: str
    hour: int
    late: bool
    offset: int
    context: list[str]
    first: bool = False
    completion: int = NO_COMPLETION
    rating: int = 0
    query: str = ""
    watermark_ms: int = 0
    in_trends: bool = True
