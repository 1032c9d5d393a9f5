"""ClickHouse as a sink: rows by columns, hours noted, users removed and looked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import blake2b
from itertools import count
from secrets import token_hex
from typing import Any, Final

from streams.sinks.clickhouse.rows import COLUMNS, HOUR_AT, TIMESTAMP_AT, rows_of
from streams.sinks.clickhouse.schema import (
    DATETIME64_SINCE,
    DEDUPLICATION_SINCE,
    EVENTS,
    USERS,
    differences,
)
from streams.sinks.clickhouse.server import TO_APPLY, Server
from streams.sinks.clickhouse.sums import ERASURE, Sums
from streams.sinks.sink import Block, Erasure, SchemaMissing, StoreRow

NAME: Final = "clickhouse"
#: Of the rows of a user, those that an erasure covers.
_THEIRS: Final = (
    "user_id IN %(users)s AND ((source_topic = %(topic)s AND source_partition = %(partition)s "
    "AND source_offset < %(end)s) OR (event_type = 'served' AND timestamp_ms <= %(erased)s))"
)


class ClickHouseSink:
    """One server. See `streams.sinks.sink.Sink` for what the methods promise."""

    name = NAME
    wants_served = True

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sums = Sums(self._server)
        self._process = token_hex(6)
        self._writes = count()

    def prepare(self) -> None:
        """Raises `SchemaMissing` when a table or column that is written is missing or of another type."""
        wrong = differences(self._server)
        if wrong:
            raise SchemaMissing(f"{wrong[0]} ({len(wrong)} differences): {TO_APPLY}")

    def rows(self, block: Block) -> Sequence[StoreRow]:
        """A row an event, a row an item of a list."""
        return rows_of(block)

    def write(self, rows: Sequence[StoreRow], name: str) -> None:
        """Rows first, then their hours: what is written and not noted is not committed, and comes again."""
        columns: list[Sequence[Any]] = list(zip(*[row.values for row in rows], strict=True))
        if self._server.version < DATETIME64_SINCE:
            columns[TIMESTAMP_AT] = [time_ms // 1000 for time_ms in columns[TIMESTAMP_AT]]
        digest = blake2b(name.encode(), digest_size=9).hexdigest()
        settings = dict(self._server.of_inserts)
        if self._server.version >= DEDUPLICATION_SINCE:
            # Of the rows, too: a block that is read again may say more (a list that was late) or less (an erasure).
            said = blake2b(repr(columns).encode(), digest_size=9).hexdigest()
            settings["insert_deduplication_token"] = f"{digest}:{said}"
        self._server.insert(EVENTS, COLUMNS, columns, **settings)
        self.note_hours(sorted(set(columns[HOUR_AT])), digest)

    def note_hours(self, hours_s: list[int], what: str) -> None:
        """Notes that rows of these hours (s since the epoch) were written."""
        self._sums.note(hours_s, f"{what} {self._process} {next(self._writes)}")

    def erase(self, erasure: Erasure) -> None:
        """Notes the user's hours, removes the rows, then the user's sums; those of items are made again.

        Another process may make the sums of what is noted before the rows are gone: so hours are noted again when they
        are, and after a crash in between those that this erasure noted before.
        """
        hours = set(self._sums.noted(_reason(erasure)))
        if self.count(erasure):
            database, theirs = self._server.address.database, _parameters(erasure)
            # Of what the user did since they came back, too: their sums go with the others and are made again.
            found = self._server.ask(
                f"SELECT DISTINCT toUInt32(event_hour) FROM {database}.{EVENTS} WHERE user_id IN %(users)s", theirs
            )
            hours.update(hour for (hour,) in found)
            self._note_erasure(erasure, hours)
            self._server.delete(EVENTS, _THEIRS, theirs)
            self._server.delete(USERS, "user_id IN %(users)s", theirs)
        self._note_erasure(erasure, hours)

    def _note_erasure(self, erasure: Erasure, hours_s: set[int]) -> None:
        self._sums.note(sorted(hours_s), f"{_reason(erasure)}{self._process} {next(self._writes)}")

    def count(self, erasure: Erasure) -> int:
        """Rows of events and lists that the erasure covers, and the user's sums when nothing else is left of them."""
        database, theirs = self._server.address.database, _parameters(erasure)
        left = self._server.ask(f"SELECT count() FROM {database}.{EVENTS} WHERE {_THEIRS}", theirs)[0][0]
        kept = self._server.ask(f"SELECT count() FROM {database}.{EVENTS} WHERE user_id IN %(users)s", theirs)[0][0]
        return int(left) + (0 if kept else self._sums_of(erasure))

    def _sums_of(self, erasure: Erasure) -> int:
        database = self._server.address.database
        found = self._server.ask(
            f"SELECT count() FROM {database}.{USERS} WHERE user_id IN %(users)s", {"users": erasure.user_ids}
        )
        return int(found[0][0])

    def maintain(self) -> None:
        """Makes sums again of hours that changed."""
        self._sums.make_again(time.monotonic())

    def close(self) -> None:
        """Disconnects."""
        self._server.close()


def _reason(erasure: Erasure) -> str:
    """How all notes of an erasure begin."""
    return f"{ERASURE}{erasure.name} "


def _parameters(erasure: Erasure) -> dict[str, Any]:
    return {
        "users": erasure.user_ids,
        "topic": erasure.interactions,
        "partition": erasure.partition,
        "end": erasure.end_offset,
        "erased": erasure.erased_at_ms,
    }
