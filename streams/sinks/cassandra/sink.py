"""Cassandra as a sink: rows by partition, what is continued, ratings of items, users removed and looked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from cassandra.query import UNSET_VALUE

from streams.contract.units import SECOND_MS
from streams.sinks.cassandra.address import CassandraAddress, ConsistencyLevels
from streams.sinks.cassandra.client import TO_APPLY, CassandraClient
from streams.sinks.cassandra.item_ratings import ItemRatingsReader, ItemRatingsSource, RatedItem
from streams.sinks.cassandra.rows import WRITE_TIME_UNITS, Upsert, Watched, rows_of, write_us
from streams.sinks.cassandra.schema import differences
from streams.sinks.cassandra.tables import (
    BY_NAME,
    OF_USERS,
    RATINGS_OF_CONTENT,
    VIEWS,
    WATCHING,
    WATCHING_STATE,
    CassandraTable,
)
from streams.sinks.cassandra.watching import State, WatchingChanges, changes_of
from streams.sinks.sink import Block, Erasure, SchemaMissing, StoreRow, StoreUnavailable

NAME: Final = "cassandra"
#: Rated items that are written at a time.
RATED_ITEMS: Final = 1_000
#: Rows of one batch, but for those that have to stay together.
ROWS_PER_BATCH: Final = 50
#: Items of one user that are asked for in one query.
_ITEMS_ASKED: Final = 100
_EPOCH: Final = datetime(1970, 1, 1)
_MS: Final = timedelta(milliseconds=1)
#: What is bound for a date is days since the epoch, and this.
_FIRST_DATE: Final = 2**31
#: Differences that rows can be written in spite of.
_HARMLESS: Final = frozenset({"default_time_to_live"})

Statement = tuple[str, Sequence[Any]]


class CassandraSink:
    """One cluster. See `streams.sinks.sink.Sink` for what the methods promise."""

    name = NAME
    wants_served = False

    def __init__(self, address: CassandraAddress, levels: ConsistencyLevels, ratings: ItemRatingsSource) -> None:
        self._client = CassandraClient(address)
        self._levels = levels
        self._statements = Statements(address.keyspace)
        self._model_version = ratings.model_version
        self._rated = ItemRatingsReader(ratings)

    def prepare(self) -> None:
        """Raises `SchemaMissing` when a table, column or index is missing or another one."""
        wrong = [found for found in differences(self._client) if found.what not in _HARMLESS]
        if wrong:
            raise SchemaMissing(f"{wrong[0]} ({len(wrong)} differences): {TO_APPLY}")

    def rows(self, block: Block) -> Sequence[StoreRow]:
        """A row of each table that an event concerns."""
        return rows_of(block)

    def write(self, rows: Sequence[StoreRow], name: str) -> None:
        """All rows, those of one user together; then ratings of items that wait."""
        batches = Batches(self._statements, _now_ms())
        for change in self._changes([row.values for row in rows if isinstance(row.values, Watched)]):
            batches.add_changes(change)
        for row in rows:
            if isinstance(row.values, Upsert):
                batches.add(row.values)
        self._client.write(batches, self._levels.write)
        if self._rated.is_started:
            self._write_rated()

    def _changes(self, events: Sequence[Watched]) -> list[WatchingChanges]:
        """What events change in what users continue; what is known of them is read first."""
        by_user: dict[str, list[Watched]] = {}
        for watched in events:
            by_user.setdefault(watched.event.user_id, []).append(watched)
        known = self._known({user: {one.event.item_id for one in theirs} for user, theirs in by_user.items()})
        return [changes_of(user, theirs, known.get(user, {})) for user, theirs in by_user.items()]

    def _known(self, items: dict[str, set[str]]) -> dict[str, dict[str, State]]:
        """The states of items by user. They decide what is deleted, so they are read as rows are written."""
        asked = []
        for user, theirs in items.items():
            ordered = sorted(theirs)
            asked += [(user, ordered[first : first + _ITEMS_ASKED]) for first in range(0, len(ordered), _ITEMS_ASKED)]
        known: dict[str, dict[str, State]] = {}
        answers = self._client.ask_all(self._statements.states, asked, self._levels.write)
        for (user, _), answer in zip(asked, answers, strict=True):
            for row in answer:
                state = State(_ms(row.last_at), row.is_over, row.watch_duration_s or 0.0, row.completion_pct or 0.0)
                known.setdefault(user, {})[row.content_id] = state
        return known

    # -- ratings of items ---------------------------------------------------------------------------------------------

    def maintain(self) -> None:
        """Writes how items are rated that are rated otherwise than before."""
        self._rated.start()
        self._write_rated()

    def _write_rated(self) -> None:
        items = self._rated.take(RATED_ITEMS)
        if not items:
            return
        batches = Batches(self._statements, _now_ms())
        for item in items:
            batches.add(_rated_row(item, self._model_version))
        try:
            self._client.write(batches, self._levels.write)
        except StoreUnavailable:
            self._rated.put_back(items)
            raise

    # -- erasures -----------------------------------------------------------------------------------------------------

    def erase(self, erasure: Erasure) -> None:
        """Removes what happened up to the erasure, whole partitions of a user at a time, and what else the erasure
        covers, which producers dated later, row by row."""
        until_us = write_us(erasure.erased_at_ms) + WRITE_TIME_UNITS - 1
        forgets = [
            [(self._statements.forget(table), (until_us, user_id))]
            for table in OF_USERS
            for user_id in erasure.user_ids
        ]
        self._client.write(forgets, self._levels.write)
        left = []
        for table, row in self._rows_of(erasure, self._levels.read):
            covered = _covers(erasure, row)
            if covered or table.name == VIEWS:
                at_us = max(until_us, row.written_us) if covered else until_us
                key = [_bindable(table, name, getattr(row, name)) for name in table.key]
                left.append([(self._statements.delete(table), (at_us, *key))])
        self._client.write(left, self._levels.write)

    def count(self, erasure: Erasure) -> int:
        """Rows in any table that the erasure covers, read as rows are written."""
        return sum(_covers(erasure, row) for _, row in self._rows_of(erasure, self._levels.write))

    def _rows_of(self, erasure: Erasure, level: Any) -> Iterator[tuple[CassandraTable, Any]]:
        """All rows of the user."""
        for table in (*OF_USERS, BY_NAME[VIEWS]):
            for user_id in erasure.user_ids:
                for row in self._client.ask(self._statements.of_user(table), [user_id], level):
                    yield table, row

    def close(self) -> None:
        """Disconnects."""
        self._rated.stop()
        self._client.close()


class Statements:
    """The texts of statements, one a table and purpose: each is prepared once."""

    def __init__(self, keyspace: str) -> None:
        self._keyspace = keyspace
        state, deleted = BY_NAME[WATCHING_STATE], BY_NAME[WATCHING]
        columns = "content_id, last_at, is_over, watch_duration_s, completion_pct"
        self.states = f"SELECT {columns} FROM {keyspace}.{state.name} WHERE user_id = ? AND content_id IN ?"
        self.obsolete = self.delete(deleted)
        self.inserts = {table.name: self._insert(table) for table in BY_NAME.values()}

    def _insert(self, table: CassandraTable) -> str:
        names, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
        ttl = "TTL ? AND " if table.ttl_s else ""
        return f"INSERT INTO {self._keyspace}.{table.name} ({names}) VALUES ({marks}) USING {ttl}TIMESTAMP ?"

    def delete(self, table: CassandraTable) -> str:
        """Removes a row: when, and its key."""
        where = " AND ".join(f"{name} = ?" for name in table.key)
        return f"DELETE FROM {self._keyspace}.{table.name} USING TIMESTAMP ? WHERE {where}"

    def forget(self, table: CassandraTable) -> str:
        """Removes a user's partition: when, and the user."""
        return f"DELETE FROM {self._keyspace}.{table.name} USING TIMESTAMP ? WHERE user_id = ?"

    def of_user(self, table: CassandraTable) -> str:
        """All rows of a user: keys, where they are from and when they were written."""
        names = ", ".join((*table.key, "source_partition", "source_offset"))
        written = "WRITETIME(source_offset) AS written_us"
        return f"SELECT {names}, {written} FROM {self._keyspace}.{table.name} WHERE user_id = ?"


class Batches:
    """Statements by partition key, as of `now_ms`: what has expired by then is left out. Tables with one key share its
    batches: all rows of a user's are one mutation."""

    def __init__(self, statements: Statements, now_ms: int) -> None:
        self._statements = statements
        self._now_ms = now_ms
        self._by_key: dict[tuple[Any, ...], list[list[Statement]]] = {}

    def __iter__(self) -> Iterator[Sequence[Statement]]:
        return (batch for batches in self._by_key.values() for batch in batches)

    def add(self, row: Upsert) -> None:
        """Writes a row."""
        table = BY_NAME[row.table]
        statement = self._insert(table, row)
        if statement is not None:
            batches = self._of(table, row.values)
            if not batches or len(batches[-1]) >= ROWS_PER_BATCH:
                batches.append([])
            batches[-1].append(statement)

    def add_changes(self, changes: WatchingChanges) -> None:
        """Writes what events change in what a user continues, all in one batch: whoever finds a newer state finds that
        the row before it is gone."""
        upserts = (*changes.rows, *changes.states)
        inserts = [self._insert(BY_NAME[row.table], row) for row in upserts]
        written = [statement for statement in inserts if statement is not None]
        if written:
            deletions = [
                (self._statements.obsolete, (gone.write_us, gone.user_id, gone.last_watched_at_ms, gone.content_id))
                for gone in changes.deletions
            ]
            self._of(BY_NAME[WATCHING], upserts[0].values).append([*deletions, *written])

    def _insert(self, table: CassandraTable, row: Upsert) -> Statement | None:
        """To expire when its event is as old as the table keeps; None = it has."""
        using: tuple[int, ...] = (row.write_us,)
        if table.ttl_s:
            ttl_s = table.ttl_s - (self._now_ms - row.event_ms) // SECOND_MS
            if ttl_s <= 0:
                return None
            using = (ttl_s, row.write_us)
        bound = [_bindable(table, name, row.values.get(name, UNSET_VALUE)) for name in table.columns]
        return self._statements.inserts[table.name], (*bound, *using)

    def _of(self, table: CassandraTable, values: dict[str, Any]) -> list[list[Statement]]:
        return self._by_key.setdefault((table.partition, *(values[name] for name in table.partition)), [])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _rated_row(item: RatedItem, model_version: str) -> Upsert:
    ratings = item.ratings
    values = {
        "content_id": item.item_id,
        "rating_count": ratings.number,
        "rating_sum": ratings.total,
        "average_rating": ratings.total / ratings.number,
        "distribution": ratings.distribution,
        "model_version": model_version,
        "updated_at": item.published_ms,
    }
    return Upsert(RATINGS_OF_CONTENT, values, item.published_ms, write_us(item.published_ms))


def _covers(erasure: Erasure, row: Any) -> bool:
    return bool(row.source_partition == erasure.partition and row.source_offset < erasure.end_offset)


def _bindable(table: CassandraTable, name: str, value: Any) -> Any:
    """A value as the client takes it: what rows hold as a number of days, or what was read before."""
    if table.columns[name] != "date" or value is UNSET_VALUE:
        return value
    return _FIRST_DATE + (value if isinstance(value, int) else value.days_from_epoch)


def _ms(moment: datetime) -> int:
    """Milliseconds of a time that the client read: UTC, without saying so."""
    return round((moment.replace(tzinfo=None) - _EPOCH) / _MS)
