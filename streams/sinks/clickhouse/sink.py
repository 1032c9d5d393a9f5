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
from streams.sinks.clickhouse.server import ABOUT, TO_APPLY, Rows, Server
from streams.sinks.clickhouse.sums import ERASURE, Sums
from streams.sinks.sink import Block, Erasure, SchemaMissing, StoreRow

NAME: Final = "clickhouse"
#: Of the rows of a user, those that an erasure covers.
_COVERED: Final = (
    "((source_topic = %(topic)s AND source_partition = %(partition)s AND source_offset < %(end)s) "
    "OR (event_type = 'served' AND timestamp_ms <= %(erased)s))"
)
_OF_THEM: Final = f"user_id IN (SELECT id FROM {ABOUT})"
_OF_NUMBERS: Final = "sipHash64(user_id) IN %(numbers)s"


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
            # Of what the user did since they came back, too: their sums go with the others and are made again.
            hours.update(hour for (hour,) in self._ask(erasure, "DISTINCT toUInt32(event_hour)", EVENTS))
            self._note_erasure(erasure, hours)
            numbers = {"numbers": self._server.numbers_of(erasure.user_ids)}
            self._server.delete(EVENTS, f"{_OF_NUMBERS} AND {_COVERED}", numbers | _covered(erasure))
            self._server.delete(USERS, _OF_NUMBERS, numbers)
        self._note_erasure(erasure, hours)

    def _note_erasure(self, erasure: Erasure, hours_s: set[int]) -> None:
        self._sums.note(sorted(hours_s), f"{_reason(erasure)}{self._process} {next(self._writes)}")

    def count(self, erasure: Erasure) -> int:
        """Rows of events and lists that the erasure covers, and the user's sums when nothing else is left of them."""
        (left,) = self._ask(erasure, "count()", EVENTS, _COVERED)[0]
        (kept,) = self._ask(erasure, "count()", EVENTS)[0]
        sums = 0 if int(kept) else int(self._ask(erasure, "count()", USERS)[0][0])
        return int(left) + sums

    def _ask(self, erasure: Erasure, what: str, table: str, which: str = "1") -> Rows:
        """Asks about the rows of the user."""
        query = f"SELECT {what} FROM {self._server.address.database}.{table} WHERE {_OF_THEM} AND {which}"
        return self._server.ask_about(erasure.user_ids, query, _covered(erasure))

    def maintain(self) -> None:
        """Makes sums again of hours that changed; now and then forgets that they were to be made."""
        now_s = time.monotonic()
        self._sums.make_again(now_s)
        self._sums.forget_done(now_s)

    def close(self) -> None:
        """Disconnects."""
        self._server.close()


def _reason(erasure: Erasure) -> str:
    """How all notes of an erasure begin."""
    return f"{ERASURE}{erasure.name} "


def _covered(erasure: Erasure) -> dict[str, Any]:
    return {
        "topic": erasure.interactions,
        "partition": erasure.partition,
        "end": erasure.end_offset,
        "erased": erasure.erased_at_ms,
    }
