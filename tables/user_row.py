"""The core row of a user (key b"r" + user id): counters, last seen attributes, history and unfinished items.

The two long memories, dedupe and seen, are logs: their full segments are rows of their own, written once, and the core
row holds where those are and the open segment.
"""

import msgspec

from tables.activity import ActivityRow
from tables.cleaning import CleaningRow
from tables.continue_watching import WatchingRow
from tables.history import HistoryRow
from tables.recent_searches import SearchRow
from tables.row_codec import RowCodec, Whole
from tables.session import SessionRow

USER_ROW_VERSION = 3  # 2: how far watches have come; how fast backdated events come. 3: recent searches


class LogRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A segmented log: full segments are rows `first` .. `end` - 1; `tail` is the encoded open one, b"" = none."""

    first: Whole = 0
    end: Whole = 0
    tail: bytes = b""


class BehaviourRow(msgspec.Struct, array_like=True, gc=False):
    """What features are computed from, and what was searched for last (oldest first)."""

    session: SessionRow = msgspec.field(default_factory=SessionRow)
    activity: ActivityRow = msgspec.field(default_factory=ActivityRow)
    searches: list[SearchRow] = []


class UserRow(msgspec.Struct, array_like=True, gc=False):
    """What is stored of one user. Times are ms since the epoch; -1 and 0 mean "nothing yet".

    `last_offset` is the last offset of the input partition that was folded (duplicates included), `folded` and
    `duplicates` count events since the log's beginning.
    """

    version: int = USER_ROW_VERSION
    last_offset: Whole = -1
    last_event_ms: Whole = 0
    last_append_ms: Whole = 0
    folded: Whole = 0
    duplicates: Whole = 0
    country: str = ""
    language: str = ""
    device_type: str = ""
    history: HistoryRow = HistoryRow([], [], b"")
    watching: list[WatchingRow] = []
    dedupe: LogRow = LogRow()
    seen: LogRow = LogRow()
    cleaning: CleaningRow = msgspec.field(default_factory=CleaningRow)
    behaviour: BehaviourRow = msgspec.field(default_factory=BehaviourRow)


CODEC = RowCodec(UserRow, current=USER_ROW_VERSION)


class LastSeen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The first fields of a user's row."""

    version: int
    last_offset: int
    last_event_ms: int


#: Reads no more of a row than that: looking for idle users passes over every one.
LAST_SEEN = RowCodec(LastSeen, current=USER_ROW_VERSION)
