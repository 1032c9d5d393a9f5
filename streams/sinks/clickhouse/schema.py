"""The tables in ClickHouse: what they are made of by server version, and what differs from it.

    recommendation_events     an event, or an item of a list that was shown (`event_type` "served"), a row
    user_metrics_daily        sums by user and day          ┐ made again from the rows of the hours that changed
    content_metrics_hourly    sums by item and hour         │ (`streams.sinks.clickhouse.sums`), never added up
    recommendation_metrics    sums by hour, algorithm, variant: materialised view of `remade_recommendation_metrics`
    sums_to_do                hours whose sums are to be made again, and who says so

The base is what servers since 18.16 understand. Newer ones get dictionaries (LowCardinality), codecs, times in
milliseconds (DateTime64), TTL and a window in which a block that is sent again is recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.sinks.clickhouse.server import Server
from streams.sinks.schema_report import Difference, SchemaReport

EVENTS: Final = "recommendation_events"
USERS: Final = "user_metrics_daily"
CONTENT: Final = "content_metrics_hourly"
METRICS: Final = "recommendation_metrics"
REMADE: Final = "remade_recommendation_metrics"
TO_DO: Final = "sums_to_do"

LOW_CARDINALITY_SINCE: Final = (19, 14)
CODECS_SINCE: Final = (19, 14)
TTL_SINCE: Final = (19, 14)
DATETIME64_SINCE: Final = (20, 3)
DEDUPLICATION_SINCE: Final = (22, 3)

_HOUR: Final = "DateTime('UTC')"
_NUMBER: Final = "UInt64"
_WORD: Final = "word"  # a text of few different values
_MS: Final = "ms"  # a time in milliseconds


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` by name; types are ClickHouse's, or one of the two words above. `version` is the column by which
    ReplacingMergeTree chooses among rows of one `order`, "" = no MergeTree. `period` is what partitions, by month, and
    the TTL go by. `source` of a materialised view is what it reads."""

    name: str
    columns: dict[str, str]
    version: str = ""
    order: tuple[str, ...] = ()
    period: str = ""
    source: str = ""


_SUMS_OF_EVENTS: Final = {
    "served": _NUMBER,
    "impressions": _NUMBER,
    "clicks": _NUMBER,
    "watches": _NUMBER,
}
_SUMS_OF_USE: Final = {
    **_SUMS_OF_EVENTS,
    "finished": _NUMBER,
    "watch_time_s": "Float64",
    "completion_sum": "Float64",
    "completion_count": _NUMBER,
    "likes": _NUMBER,
    "rating_sum": "Float64",
    "rating_count": _NUMBER,
}
_METRICS_COLUMNS: Final = {
    "hour": _HOUR,
    "algorithm": _WORD,
    "variant": _WORD,
    "experiment_id": _WORD,
    **_SUMS_OF_EVENTS,
    "position_sum": _NUMBER,
    "position_count": _NUMBER,
    "clicked_position_sum": _NUMBER,
    "clicked_position_count": _NUMBER,
    "made_at": _NUMBER,
}

TABLES: Final = (
    Table(
        EVENTS,
        {
            "event_hour": _HOUR,
            "timestamp": _MS,
            "timestamp_ms": "Int64",
            "event_id": "String",
            "item_number": "UInt16",
            "user_id": "String",
            "session_id": "String",
            "content_id": "String",
            "event_type": _WORD,
            "algorithm": _WORD,
            "position": "Int32",
            "row": _WORD,
            "score": "Float32",
            "device_type": _WORD,
            "country": _WORD,
            "language": _WORD,
            "experiment_id": _WORD,
            "variant": _WORD,
            "model_version": _WORD,
            "recommendation_id": "String",
            "attribution": _WORD,
            "surface": _WORD,
            "context": _WORD,
            "list_source": _WORD,
            "referrer": "String",
            "query": "String",
            "watch_duration_s": "Nullable(Float64)",
            "completion_pct": "Nullable(Float32)",
            "rating": "Nullable(Float32)",
            "append_time_ms": "Int64",
            "source_topic": _WORD,
            "source_partition": "UInt32",
            "source_offset": _NUMBER,
            "precedence": _NUMBER,
        },
        version="precedence",
        order=("event_hour", "user_id", "event_id", "item_number"),
        period="event_hour",
    ),
    Table(
        USERS,
        {"day": "Date", "user_id": "String", **_SUMS_OF_USE, "events": _NUMBER, "items": _NUMBER, "made_at": _NUMBER},
        version="made_at",
        order=("day", "user_id"),
        period="day",
    ),
    Table(
        CONTENT,
        {"hour": _HOUR, "content_id": "String", **_SUMS_OF_USE, "users": _NUMBER, "made_at": _NUMBER},
        version="made_at",
        order=("hour", "content_id"),
        period="hour",
    ),
    Table(REMADE, _METRICS_COLUMNS),
    Table(
        METRICS,
        _METRICS_COLUMNS,
        version="made_at",
        order=("hour", "algorithm", "variant", "experiment_id"),
        period="hour",
        source=REMADE,
    ),
    Table(TO_DO, {"hour": _HOUR, "reason": "String", "done": "UInt8"}, version="done", order=("hour", "reason")),
)


def column_type(said: str, version: tuple[int, int]) -> str:
    """The type of a column on a server of a version.

    >>> column_type("word", (18, 16)), column_type("word", (25, 8)), column_type("ms", (25, 8))
    ('String', 'LowCardinality(String)', "DateTime64(3, 'UTC')")
    """
    if said == _WORD:
        return "LowCardinality(String)" if version >= LOW_CARDINALITY_SINCE else "String"
    if said == _MS:
        return "DateTime64(3, 'UTC')" if version >= DATETIME64_SINCE else _HOUR
    return said


def ddl(table: Table, database: str, version: tuple[int, int], ttl_days: int) -> str:
    """The statement that makes a table unless it is there."""
    engine = _engine(table, version, ttl_days)
    if table.source:
        names = ", ".join(table.columns)
        kind, body = "MATERIALIZED VIEW", f"{engine} AS SELECT {names} FROM {database}.{table.source}"
    else:
        columns = ", ".join(
            f"{name} {column_type(said, version)}{_codec(name, said, version)}" for name, said in table.columns.items()
        )
        kind, body = "TABLE", f"({columns}) {engine}"
    return f"CREATE {kind} IF NOT EXISTS {database}.{table.name} {body}"


def _engine(table: Table, version: tuple[int, int], ttl_days: int) -> str:
    if not table.version:
        return "ENGINE = Null"
    parts = [f"ENGINE = ReplacingMergeTree({table.version})"]
    if table.period:
        parts.append(f"PARTITION BY toYYYYMM({table.period})")
    parts.append(f"ORDER BY ({', '.join(table.order)})")
    if table.period and ttl_days and version >= TTL_SINCE:
        parts.append(f"TTL {table.period} + INTERVAL {ttl_days} DAY")
    if table.name == EVENTS and version >= DEDUPLICATION_SINCE:
        parts.append("SETTINGS non_replicated_deduplication_window = 1000")
    return " ".join(parts)


def _codec(name: str, said: str, version: tuple[int, int]) -> str:
    if version < CODECS_SINCE:
        return ""
    if name in ("timestamp_ms", "append_time_ms", "source_offset", "event_hour", "precedence"):
        return " CODEC(DoubleDelta, ZSTD(1))"
    return " CODEC(ZSTD(1))" if said == "String" else ""


def apply(server: Server, ttl_days: int) -> SchemaReport:
    """Makes what is missing; never alters or drops what is there."""
    database = server.address.database
    server.ask(f"CREATE DATABASE IF NOT EXISTS {database}")
    before = _existing(server)
    for table in TABLES:
        server.ask(ddl(table, database, server.version, ttl_days))
    differs = differences(server)
    created = tuple(table.name for table in TABLES if table.name not in before)
    different = {difference.table for difference in differs}
    unchanged = tuple(table.name for table in TABLES if table.name in before and table.name not in different)
    return SchemaReport(created, unchanged, differs)


def differences(server: Server) -> tuple[Difference, ...]:
    """What the tables lack or have otherwise; a missing table is one, too."""
    database, existing, found = {"database": server.address.database}, _existing(server), []
    of_columns = "SELECT table, name, type FROM system.columns WHERE database = %(database)s"
    columns: dict[str, dict[str, str]] = {}
    for table, name, said in server.ask(of_columns, database):
        columns.setdefault(table, {})[name] = said
    for wanted in TABLES:
        engine = existing.get(wanted.name)
        if engine is None:
            found.append(Difference(wanted.name, "the table", "there", "missing"))
            continue
        kind = "MaterializedView" if wanted.source else "ReplacingMergeTree" if wanted.version else "Null"
        # What is made anew on a replicated or shared server has that word in front, and may be so.
        if not engine.endswith(kind):
            found.append(Difference(wanted.name, "the engine", kind, engine))
        for name, said in wanted.columns.items():
            type_wanted, type_found = column_type(said, server.version), columns[wanted.name].get(name, "missing")
            if type_found != type_wanted:
                found.append(Difference(wanted.name, f"column {name}", type_wanted, type_found))
    return tuple(found)


def _existing(server: Server) -> dict[str, str]:
    """The engine of each table of the database."""
    tables = "SELECT name, engine FROM system.tables WHERE database = %(database)s"
    return dict(server.ask(tables, {"database": server.address.database}))
