"""What a user searched for last, for the user alone: at most 10 different queries.

Searches that are counted for everybody are in hour buckets of the item plane; here nothing is counted.
"""

import msgspec

from streams.contract.events import EventType, Interaction
from tables.row_codec import Whole
from tables.search_query import normal_query

MAX_SEARCHES = 10


class SearchRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One query, as `normal_query` makes it, and when it was searched for last, ms since the epoch."""

    query: str
    searched_at_ms: Whole


def step(rows: list[SearchRow], event: Interaction) -> list[SearchRow]:
    """The searches after an event, oldest first; the same where it is none, or an older one of a known query."""
    query = normal_query(event.query) if event.event_type is EventType.SEARCH else ""
    return newest([*rows, SearchRow(query, event.timestamp_ms)]) if query else rows


def newest(rows: list[SearchRow]) -> list[SearchRow]:
    """Each query once, at its newest time, and the last of them, oldest first."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.query] = max(row.searched_at_ms, found.get(row.query, row.searched_at_ms))
    ordered = sorted((at_ms, query) for query, at_ms in found.items())
    return [SearchRow(query, at_ms) for at_ms, query in ordered[-MAX_SEARCHES:]]


def forget_before(rows: list[SearchRow], horizon_ms: int) -> list[SearchRow]:
    """Those that are not older."""
    return [row for row in rows if row.searched_at_ms >= horizon_ms]
