"""Rows of the item plane. All are records of `item.model`, so their keys and values are what followers read.

b"c" + item           counts                 b"t" + hour + item    events of an hour by country
b"g" + item           used together          b"q" + hour + query   searches of an hour by country
b"l" + number         learned since          b"e" + item           fitted vector, float16[128]
b"w"                  the plane's own row    b"k"                  how far the rows after it know

What is used together is in tables/associations.py, what was learned since rows were written in tables/learned.py;
weights and visits in both are forward-decayed (tables/forward_decay.py).
No row names anybody, nor holds a hash of anybody. Former releases kept b"u" + item, a 4-byte hash of each viewer of the
item, and the rows of tables/former_rows.py, which become b"g": a snapshot may hold such rows, and they are removed.
"""

import msgspec

from tables import former_rows
from tables.day_counts import count_day
from tables.row_codec import RowCodec, Whole

COUNTS = b"c"
BUCKET = b"t"
ASSOCIATIONS = b"g"
LEARNED = (
    b"l"  # behind ASSOCIATIONS in the order of keys: whoever reads rows in it has the rows that the records add to
)
VECTOR = b"e"
FORMER_VIEWERS = b"u"
#: Of former releases.
FORMER_KINDS = former_rows.KINDS | {FORMER_VIEWERS}
QUERY_BUCKET = b"q"
PLANE = b"w"
MODEL_WATERMARK = b"k"

#: Rows of floats, which depend on the order of arrival within rounding; all others are the same in any order.
FLOAT_KINDS = frozenset({ASSOCIATIONS, LEARNED, VECTOR})

ITEM_ROW_VERSION = 1
COUNTS_ROW_VERSION = 2  # 2: half_stars
BUCKET_ROW_VERSION = 2  # 2: weights
KEPT_DAYS = 35
#: Hundredths of a star in half a star, and how many of these there are.
HALF_STAR = 50
HALF_STARS = 10


class CountsRow(msgspec.Struct, array_like=True, gc=False):
    """Integer counts of one item. `events` = counted positive events, `visits` = visits that taught neighbours;
    `days[k]` = those in trends on day `newest_day - k` (days since the epoch, UTC), at most 35, the last never 0;
    `watches` = watches begun (watch_start); `completions` watch_end events reached `completion_sum` tenths of a percent
    together; `ratings` ratings sum to `rating_sum` hundredths of a star. `viewers` counts first uses, as the
    rows of the users know it: whoever comes back after the retention is another one. `half_stars[k]` ratings are k + 1
    half stars or nearest to them, 10 numbers or none (none were told apart before format 2)."""

    version: int = COUNTS_ROW_VERSION
    events: Whole = 0
    visits: Whole = 0
    newest_day: Whole = 0
    days: list[Whole] = []
    watches: Whole = 0
    completions: Whole = 0
    completion_sum: Whole = 0
    ratings: Whole = 0
    rating_sum: Whole = 0
    viewers: Whole = 0
    half_stars: list[Whole] = []

    def count_rating(self, rating: int) -> None:
        """Count one of `rating` hundredths of a star, 50 to 500."""
        self.ratings += 1
        self.rating_sum += rating
        if not self.half_stars:
            self.half_stars = [0] * HALF_STARS
        self.half_stars[min(HALF_STARS, max(1, (rating + HALF_STAR // 2) // HALF_STAR)) - 1] += 1

    def count_day(self, day: int, events: int) -> None:
        """Count `events` on `day`. The result does not depend on the order of calls."""
        self.newest_day, self.days = count_day(self.newest_day, self.days, day, events, KEPT_DAYS)


class BucketRow(msgspec.Struct, array_like=True, gc=False):
    """Counted events of one item (or searches of one query) in one hour by country, sorted; "" = unknown country.
    `weights` are the sums of their weights where those are not their numbers (format 2; before it all weighed 1)."""

    version: int
    countries: dict[str, Whole]
    weights: dict[str, Whole] = {}


class PlaneRow(msgspec.Struct, array_like=True, gc=False):
    """How far the event time of the item plane has come."""

    version: int = ITEM_ROW_VERSION
    watermark_ms: Whole = 0


class ModelWatermarkRow(msgspec.Struct, array_like=True, gc=False):
    """What is published knows of no event later than `reached_ms`, event or append time, whichever is earlier.
    `learned` is the number of entries of `item.deltas` in it, `fitted` the number of points of a replay (see
    agents.followers.model_watermark) for which vectors are published."""

    version: int = ITEM_ROW_VERSION
    reached_ms: Whole = 0
    learned: Whole = 0
    fitted: Whole = 0


COUNTS_CODEC = RowCodec(CountsRow, current=COUNTS_ROW_VERSION)
BUCKET_CODEC = RowCodec(BucketRow, current=BUCKET_ROW_VERSION)
PLANE_CODEC = RowCodec(PlaneRow, current=ITEM_ROW_VERSION)
MODEL_WATERMARK_CODEC = RowCodec(ModelWatermarkRow, current=ITEM_ROW_VERSION)


def counts_key(item_id: str) -> bytes:
    """Key of an item's counts."""
    return COUNTS + item_id.encode()


def bucket_key(hour: int, name: str, kind: bytes = BUCKET) -> bytes:
    """Key of a bucket of one hour since the epoch; `kind` is BUCKET (of an item) or QUERY_BUCKET (of a query)."""
    return kind + hour.to_bytes(4, "big") + name.encode()


def bucket_of(key: bytes) -> tuple[int, str]:
    """(hour, item id or query) of a bucket key."""
    return int.from_bytes(key[1:5], "big"), key[5:].decode()


def associations_key(item_id: str) -> bytes:
    """Key of the row of what is used together with an item."""
    return ASSOCIATIONS + item_id.encode()


def learned_key(number: int) -> bytes:
    """Key of a record of what the partition's items learned."""
    return LEARNED + number.to_bytes(8, "big")


def number_of(key: bytes) -> int:
    """The number in such a key."""
    return int.from_bytes(key[1:], "big")


def vector_key(item_id: str) -> bytes:
    """Key of an item's fitted vector."""
    return VECTOR + item_id.encode()
