"""Which rows of a changelog cannot be gone on with, because nobody who writes there wrote them.

Whoever may write to a topic can write to a changelog. Its owner restores rows from it, so each is read once before it
is believed: a row that raises in a fold would end worker after worker.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tables import associations, dedupe, former_rows, item_rows, learned, partition_row, seen, user_keys, user_row
from tables.activity import ActivityRow
from tables.history import HistoryRow
from tables.row_codec import MOST
from tables.segmented_log import SEGMENT_ENTRIES, Segment
from tables.user_row import LogRow

_NUMBER_BYTES = 4
_HOURS_OF_DAY = 24
_VECTOR_BYTES = 256
_MOST_SEGMENTS = max(dedupe.MAX_IDS, seen.MAX_ITEMS) // SEGMENT_ENTRIES + 1
_SEGMENTS: dict[bytes, Callable[[bytes], Segment[Any]]] = {
    user_keys.DEDUPE: dedupe.decode_segment,
    user_keys.SEEN: seen.decode_segment,
}
#: A row is read before it is believed; these are read as they are.
_ITEM_CODECS = {
    item_rows.COUNTS: item_rows.COUNTS_CODEC.decode,
    item_rows.ASSOCIATIONS: associations.decode,
    item_rows.PLANE: item_rows.PLANE_CODEC.decode,
    item_rows.MODEL_WATERMARK: item_rows.MODEL_WATERMARK_CODEC.decode,
}


def no_check(_key: bytes, _value: bytes) -> Sequence[bytes]:
    """Whoever reads the rows checks them."""
    return ()


def none_ownerless(_rows: Mapping[bytes, bytes]) -> list[bytes]:
    """Each row stands for itself."""
    return []


@dataclass(frozen=True, slots=True)
class RowRules:
    """What the rows of one changelog must be. `check` gives the other keys that a row names, and raises ValueError with
    the reason for what is no row of it. Of checked rows `ownerless` says which ones no other one names that should."""

    check: Callable[[bytes, bytes], Sequence[bytes]] = no_check
    ownerless: Callable[[Mapping[bytes, bytes]], list[bytes]] = none_ownerless


def check_user_row(key: bytes, value: bytes) -> Sequence[bytes]:
    """Keys of the segments that a user's row names, none of any other row. Raises ValueError, which says why, for what
    is no row of the user plane."""
    kind = key[:1]
    if key == user_keys.PARTITION:
        partition_row.CODEC.decode(value)
    elif kind == user_keys.USER:
        user_id, row = key[1:].decode(), user_row.CODEC.decode(value)
        _check_user(row)
        return list(_segment_keys(row, user_id))
    elif kind in _SEGMENTS and len(key) > 1 + _NUMBER_BYTES:
        key[1 + _NUMBER_BYTES :].decode()
        if len(_SEGMENTS[kind](value).entries) != SEGMENT_ENTRIES:
            raise ValueError("a segment that is not full")
    else:
        raise ValueError("no kind of row")
    return ()


def check_behaviour(history: HistoryRow, activity: ActivityRow) -> None:
    """Raises ValueError where readers of a history or of sums would."""
    hours = activity.hours
    if not len(history.items) == len(history.times) == len(history.codes):
        raise ValueError("items, times and codes of the history are not the same number")
    if min(history.times[1:], default=0) < 0 or sum(history.times) > MOST:
        raise ValueError("times of the history that are none")
    if len(hours) not in (0, _HOURS_OF_DAY):
        raise ValueError(f"{len(hours)} hours of a day")


def _check_user(row: user_row.UserRow) -> None:
    check_behaviour(row.history, row.behaviour.activity)
    for log, decode in ((row.dedupe, dedupe.decode_segment), (row.seen, seen.decode_segment)):
        if not 0 <= log.first <= log.end <= log.first + _MOST_SEGMENTS:
            raise ValueError(f"segments {log.first} to {log.end}")
        if log.tail:
            decode(log.tail)


def segments_of_nobody(rows: Mapping[bytes, bytes]) -> list[bytes]:
    """Keys of segments that no user's row names: nobody would remove them when the user is erased."""
    named: set[bytes] = set()
    for key, value in rows.items():
        if key[:1] == user_keys.USER:
            named.update(_segment_keys(user_row.CODEC.decode(value), key[1:].decode()))
    return [key for key in rows if key[:1] in _SEGMENTS and key not in named]


def _segment_keys(row: user_row.UserRow, user_id: str) -> Iterator[bytes]:
    logs: tuple[tuple[bytes, LogRow], ...] = ((user_keys.DEDUPE, row.dedupe), (user_keys.SEEN, row.seen))
    for kind, log in logs:
        for number in range(log.first, log.end):
            yield user_keys.segment_key(kind, number, user_id)


def check_item_row(key: bytes, value: bytes) -> Sequence[bytes]:
    """Nothing: no row of the item plane names another. Raises ValueError, which says why, for what is none of its
    rows."""
    kind = key[:1]
    if kind in (item_rows.COUNTS, item_rows.ASSOCIATIONS) or key in (item_rows.PLANE, item_rows.MODEL_WATERMARK):
        key[1:].decode()
        row = _ITEM_CODECS[kind](value)
        if isinstance(row, item_rows.CountsRow) and len(row.half_stars) not in (0, item_rows.HALF_STARS):
            raise ValueError(f"ratings by {len(row.half_stars)} half stars")
    elif kind in (item_rows.BUCKET, item_rows.QUERY_BUCKET) and len(key) > 1 + _NUMBER_BYTES:
        item_rows.bucket_of(key)
        bucket = item_rows.BUCKET_CODEC.decode(value)
        if not bucket.weights.keys() <= bucket.countries.keys():
            raise ValueError("weights of countries without events")
    elif kind == item_rows.LEARNED:
        if key != item_rows.learned_key(learned.decode(value).number):
            raise ValueError("the number of another record")
    elif kind in former_rows.KINDS:
        former_rows.read(key, value)
    elif kind == item_rows.VECTOR:
        key[1:].decode()
        if len(value) != _VECTOR_BYTES or not np.isfinite(np.frombuffer(value, "<f2")).all():
            raise ValueError("no vector")
    elif kind != item_rows.FORMER_VIEWERS:  # those are dropped, whatever they hold
        raise ValueError("no kind of row")
    return ()


ANY_ROWS = RowRules()
USER_ROWS = RowRules(check_user_row, segments_of_nobody)
ITEM_ROWS = RowRules(check_item_row)
