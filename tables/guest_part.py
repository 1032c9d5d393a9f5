"""What one linked guest did, as a record of `guest.parts`: the guest's row without what only a fold needs.

It is a state and no difference: a later record of the same guest replaces the earlier one, so that it does not matter
how often one is written or read, nor when. It follows from the guest's row alone, and is bounded: the history and the
unfinished items of a row, and the last `MOST_SEEN` items that the guest met.

key = user id, NUL, guest id (`streams.contract.user_records`), stored ids; value = `GuestPart`
"""

import msgspec

from streams.contract.user_records import record_key
from tables.continue_watching import WatchingRow
from tables.history import HistoryRow
from tables.row_codec import RowCodec, Whole
from tables.stored_rows import check_behaviour
from tables.user import User
from tables.user_row import BehaviourRow

MOST_SEEN = 1_000


class GuestPart(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`source` is the guest's partition of interactions and `last_offset` the last record there that it contains; other
    fields as in `UserRow`. Items met are in order of the hour (since the epoch) of the last meeting, with one byte
    each, 1 = used."""

    version: int
    source: Whole
    last_offset: Whole
    last_event_ms: Whole
    last_append_ms: Whole
    folded: Whole
    country: str
    language: str
    device_type: str
    history: HistoryRow
    watching: list[WatchingRow]
    behaviour: BehaviourRow
    met: list[str]
    met_hours: list[Whole]
    met_used: bytes


class LastDone(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first fields of a part: what the guest did last."""

    version: int
    source: int
    last_offset: int
    last_event_ms: int
    last_append_ms: int


_VERSION = 2  # 2: recent searches
_CODEC = RowCodec(GuestPart, current=_VERSION)
#: Reads no more of a valid part than that: a scan passes over every one.
LAST_DONE = RowCodec(LastDone, current=_VERSION)


def key_of(user_id: str, guest_id: str) -> bytes:
    """The key of the part of a guest in a user, both by their stored ids."""
    return record_key(user_id, guest_id)


def ids_in(key: bytes | None) -> tuple[str, str]:
    """User and guest in a key. Raises ValueError for what is no key of a part."""
    user, separator, guest = (key or b"").partition(b"\0")
    if not (user and separator and guest):
        raise ValueError("the key does not name a user and a guest")
    return user.decode(), guest.decode()


def encode(guest: User, source: int) -> bytes:
    """The part of a guest whose row is in the partition `source`; equal rows give equal bytes."""
    row, seen = guest.row, guest.seen
    met = sorted((hour, item_id) for item_id, hour in seen.hours.items())[-MOST_SEEN:]
    return _CODEC.encode(
        GuestPart(
            _VERSION,
            source,
            row.last_offset,
            row.last_event_ms,
            row.last_append_ms,
            row.folded,
            row.country,
            row.language,
            row.device_type,
            guest.history.to_row(),
            guest.watching.to_rows(),
            row.behaviour,
            [item_id for _, item_id in met],
            [hour for hour, _ in met],
            bytes([item_id in seen.used for _, item_id in met]),
        )
    )


def decode(value: bytes) -> GuestPart:
    """The part in a record. Raises ValueError (RowVersionError on a newer format) for what nobody here wrote."""
    part = _CODEC.decode(value)
    if not len(part.met) == len(part.met_hours) == len(part.met_used):
        raise ValueError("items met, their hours and their uses are not the same number")
    check_behaviour(part.history, part.behaviour.activity)
    return part
