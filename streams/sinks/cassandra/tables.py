"""The tables in Cassandra, one a question. Ids are text.

    user_watch_history     what did this user watch, newest first
    content_views          who viewed this item on this day, hour by hour
    user_ratings           what did this user rate, newest first
    content_ratings_agg    how is this item rated: count, sum, average, how many by half star
    user_searches          what did this user search for, newest first
    continue_watching      what has this user begun and not finished, newest first
    watching_state         the newest that is known of a user and an item: what continue_watching follows from

Rows say from which record of the log they are (`source_partition`, `source_offset`): erasures go by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.contract.units import DAY_MS, SECOND_MS

DAY_S: Final = DAY_MS // SECOND_MS
#: What is done with an item is forgotten with the events of the log.
HISTORY_TTL_S: Final = 90 * DAY_S
VIEWS_TTL_S: Final = 30 * DAY_S

HISTORY: Final = "user_watch_history"
VIEWS: Final = "content_views"
RATINGS: Final = "user_ratings"
RATINGS_OF_CONTENT: Final = "content_ratings_agg"
SEARCHES: Final = "user_searches"
WATCHING: Final = "continue_watching"
WATCHING_STATE: Final = "watching_state"


@dataclass(frozen=True, slots=True)
class CassandraTable:
    """`columns` by name, the key's first: `partition` columns of it choose the node, the `clustering` ones the place in
    the partition, those in `newest_first` in falling order. `ttl_s` 0 = kept for ever. `indexed` is a column by which
    rows are looked for, too, "" = none. `grace_s` = how long deleted rows are remembered, 0 = Cassandra's ten days."""

    name: str
    columns: dict[str, str]
    partition: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    newest_first: tuple[str, ...] = ()
    ttl_s: int = 0
    indexed: str = ""
    grace_s: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """All columns of the primary key."""
        return self.partition + self.clustering


_SOURCE: Final = {"source_partition": "int", "source_offset": "bigint"}
_OF_EVENT: Final = {
    "event_id": "text",
    "session_id": "text",
    "device_type": "text",
    "country": "text",
    "language": "text",
}
_OF_LIST: Final = {"recommendation_id": "text", "experiment_id": "text", "variant": "text"}
_PROGRESS: Final = {"watch_duration_s": "double", "completion_pct": "double"}

TABLES: Final = (
    CassandraTable(
        HISTORY,
        {
            "user_id": "text",
            "watched_at": "timestamp",
            "content_id": "text",
            "event_type": "text",
            **_PROGRESS,
            **_OF_EVENT,
            **_OF_LIST,
            **_SOURCE,
        },
        partition=("user_id",),
        clustering=("watched_at", "content_id"),
        newest_first=("watched_at",),
        ttl_s=HISTORY_TTL_S,
    ),
    CassandraTable(
        VIEWS,
        {
            "content_id": "text",
            "view_date": "date",
            "view_hour": "int",
            "user_id": "text",
            "viewed_at": "timestamp",
            "event_type": "text",
            **_PROGRESS,
            **_OF_EVENT,
            **_SOURCE,
        },
        partition=("content_id", "view_date"),
        clustering=("view_hour", "user_id"),
        ttl_s=VIEWS_TTL_S,
        indexed="user_id",
    ),
    CassandraTable(
        RATINGS,
        {
            "user_id": "text",
            "rated_at": "timestamp",
            "content_id": "text",
            "rating": "double",
            **_OF_EVENT,
            **_OF_LIST,
            **_SOURCE,
        },
        partition=("user_id",),
        clustering=("rated_at", "content_id"),
        newest_first=("rated_at",),
    ),
    CassandraTable(
        RATINGS_OF_CONTENT,
        {
            "content_id": "text",
            "rating_count": "bigint",
            "rating_sum": "double",
            "average_rating": "double",
            "distribution": "frozen<map<double, bigint>>",
            "model_version": "text",
            "updated_at": "timestamp",
        },
        partition=("content_id",),
    ),
    CassandraTable(
        SEARCHES,
        {"user_id": "text", "searched_at": "timestamp", "query": "text", **_OF_EVENT, **_SOURCE},
        partition=("user_id",),
        clustering=("searched_at", "query"),
        newest_first=("searched_at",),
        ttl_s=HISTORY_TTL_S,
    ),
    CassandraTable(
        WATCHING,
        {
            "user_id": "text",
            "last_watched_at": "timestamp",
            "content_id": "text",
            "event_type": "text",
            **_PROGRESS,
            "session_id": "text",
            "device_type": "text",
            **_SOURCE,
        },
        partition=("user_id",),
        clustering=("last_watched_at", "content_id"),
        newest_first=("last_watched_at",),
        ttl_s=HISTORY_TTL_S,
        grace_s=DAY_S,  # every report of a player deletes the row of the one before
    ),
    CassandraTable(
        WATCHING_STATE,
        {
            "user_id": "text",
            "content_id": "text",
            "last_at": "timestamp",
            "is_over": "boolean",
            **_PROGRESS,
            **_SOURCE,
        },
        partition=("user_id",),
        clustering=("content_id",),
        ttl_s=HISTORY_TTL_S,
    ),
)
BY_NAME: Final = {table.name: table for table in TABLES}
#: Whose rows are all of one user, in one partition.
OF_USERS: Final = tuple(table for table in TABLES if table.partition == ("user_id",))
