"""Sums by user and day, item and hour, and (hour, algorithm, variant): made again, never added up.

Whoever writes rows notes their hours in `sums_to_do` before the position is committed; so does an erasure before it
removes anything, and once more when it is gone. Now and then all sums of the noted hours are made anew from
`recommendation_events FINAL`, that is from rows of which each stands once, and only then the notes are done. A process
may end anywhere in between: the notes are still there, and making sums again gives the same. What a row says later than
before (another list it belongs to) or not at all any more (erased) changes sums the same way; a group that has no rows
any more becomes zeros.

What was done is forgotten after two days, an hour after a process began at the earliest: an erasure that a crash
interrupted is carried out again before that, and needs the hours that it noted.

Sums carry the time at which their making began, and the later one stays: it has seen whatever the earlier one has.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from streams.sinks.clickhouse.schema import CONTENT, EVENTS, METRICS, REMADE, TABLES, TO_DO, USERS
from streams.sinks.clickhouse.server import Server

ERASURE: Final = "erasure "
#: Hours that are made in one statement: a day's erasures may touch all hours of three months.
HOURS_AT_ONCE: Final = 48
#: Users whose rows go in one statement, which the server keeps for a while.
USERS_AT_ONCE: Final = 5_000
#: How long notes that are done are kept, and how often those that are older are deleted.
DONE_KEPT_S: Final = 2 * 86_400
FORGOTTEN_EVERY_S: Final = 3_600.0
#: The time of a note is its reason's last word, s since the epoch; a former release's have none.
_NOTED_S: Final = "toUInt64OrZero(splitByChar(' ', reason)[-1])"
#: Making sums takes this share of the time at most.
SHARE: Final = 0.2

_BY_TYPE: Final = """
    countIf(event_type = 'served') AS served,
    countIf(event_type = 'impression') AS impressions,
    countIf(event_type = 'click') AS clicks,
    countIf(event_type IN ('play', 'watch_start')) AS watches"""
_USE: Final = """
    countIf(event_type = 'watch_end' AND completion_pct >= 90) AS finished,
    sumIf(watch_duration_s, event_type IN ('watch_progress', 'watch_end')) AS watch_time_s,
    sumIf(completion_pct, event_type = 'watch_end') AS completion_sum,
    countIf(event_type = 'watch_end' AND completion_pct IS NOT NULL) AS completion_count,
    countIf(event_type = 'like') AS likes,
    sumIf(rating, event_type = 'rating') AS rating_sum,
    countIf(event_type = 'rating') AS rating_count"""
_POSITIONS: Final = """
    sumIf(position, event_type = 'served') AS position_sum,
    countIf(event_type = 'served') AS position_count,
    sumIf(position, event_type = 'click' AND position >= 0) AS clicked_position_sum,
    countIf(event_type = 'click' AND position >= 0) AS clicked_position_count"""

#: By table that is inserted into: the table that is read, the keys as of an event, the sums, and which rows count.
_SUMS: Final = {
    USERS: (
        USERS,
        {"day": "toDate(event_hour, 'UTC')", "user_id": "user_id"},
        f"{_BY_TYPE},{_USE}, countIf(event_type != 'served') AS events, "
        "uniqExactIf(content_id, event_type != 'served' AND content_id != '') AS items",
        "user_id != ''",
    ),
    CONTENT: (
        CONTENT,
        {"hour": "event_hour", "content_id": "content_id"},
        f"{_BY_TYPE},{_USE}, uniqExactIf(user_id, event_type != 'served') AS users",
        "content_id != ''",
    ),
    REMADE: (
        METRICS,
        {"hour": "event_hour", "algorithm": "algorithm", "variant": "variant", "experiment_id": "experiment_id"},
        f"{_BY_TYPE},{_POSITIONS}",
        "attribution != ''",
    ),
}


class Sums:
    """Makes sums again, when it was long enough ago that `SHARE` is kept."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._next_s = 0.0
        self._forgotten_s = time.monotonic()
        self._made_at = 0

    def note(self, hours_s: Sequence[int], reason: str) -> None:
        """Notes hours (s since the epoch) whose sums are to be made again. `reason` is unique to what changed them."""
        if hours_s:
            count, said = len(hours_s), f"{reason} {int(time.time())}"
            self._server.insert(TO_DO, ("hour", "reason", "done"), (list(hours_s), [said] * count, [0] * count))

    def forget_done(self, now_s: float) -> None:
        """Deletes what was done long ago, unless it is too soon. Of a note its two rows, of which one says that it is
        done, are put together first: else for a moment it would be to do again."""
        if now_s - self._forgotten_s < FORGOTTEN_EVERY_S:
            return
        self._forgotten_s = now_s
        self._server.ask(f"OPTIMIZE TABLE {self._server.address.database}.{TO_DO} FINAL")
        before_s = int(time.time()) - DONE_KEPT_S
        self._server.delete(TO_DO, f"done = 1 AND {_NOTED_S} < %(before)s", {"before": before_s})

    def noted(self, beginning: str) -> list[int]:
        """Hours (s since the epoch) that were noted, done or not, for a reason that begins so."""
        found = self._server.ask(
            f"SELECT DISTINCT toUInt32(hour) FROM {self._server.address.database}.{TO_DO} "
            "WHERE startsWith(reason, %(beginning)s)",
            {"beginning": beginning},
        )
        return [int(hour) for (hour,) in found]

    def make_again(self, now_s: float) -> int:
        """Makes the sums of the noted hours, the oldest first, unless it is too soon; how many hours are left."""
        if now_s < self._next_s:
            return 0
        began_s = time.monotonic()
        database = self._server.address.database
        noted = self._server.ask(
            f"SELECT toUInt32(hour), groupArray(reason) FROM (SELECT hour, reason FROM {database}.{TO_DO} "
            "GROUP BY hour, reason HAVING max(done) = 0) GROUP BY hour ORDER BY hour"
        )
        now = noted[:HOURS_AT_ONCE]
        if now:
            self._make([hour for hour, _ in now], any(_is_erasure(reasons) for _, reasons in now))
            done = [(hour, reason) for hour, reasons in now for reason in reasons]
            hours, reasons = zip(*done, strict=True)
            self._server.insert(TO_DO, ("hour", "reason", "done"), (hours, reasons, [1] * len(done)))
        took_s = time.monotonic() - began_s
        self._next_s = now_s + took_s * (1 / SHARE - 1)
        return len(noted) - len(now)

    def _make(self, hours_s: list[int], is_erasure: bool) -> None:
        self._made_at = max(time.time_ns(), self._made_at + 1)
        days = sorted({hour // 86_400 for hour in hours_s})
        # Days are made whole: an hour of one says nothing of the others.
        of_days = [hour for day in days for hour in range(day * 86_400, (day + 1) * 86_400, 3600)]
        for table in _SUMS:
            self._make_table(table, of_days if table == USERS else hours_s, days)
        if is_erasure:
            self._delete_gone(days)

    def _delete_gone(self, days: list[int]) -> None:
        """Deletes the user's own rows that became zeros: whoever made sums while the events went may have put them
        back. All rows of such a user and day go, or the zeros would uncover an older one."""
        found = self._server.ask(
            f"SELECT toUInt16(day), sipHash64(user_id) FROM {self._server.address.database}.{USERS} FINAL "
            f"WHERE toUInt16(day) IN ({_list(days)}) AND events = 0 AND served = 0"
        )
        gone: dict[int, list[int]] = {}
        for day, number in found:
            gone.setdefault(int(day), []).append(int(number))
        for day, numbers in gone.items():
            for begin in range(0, len(numbers), USERS_AT_ONCE):
                self._server.delete(
                    USERS,
                    f"toUInt16(day) = {day} AND sipHash64(user_id) IN %(numbers)s",
                    {"numbers": tuple(numbers[begin:][:USERS_AT_ONCE])},
                )

    def _make_table(self, table: str, hours_s: list[int], days: list[int]) -> None:
        database = self._server.address.database
        held_in, keys, sums, which = _SUMS[table]
        held = next(known for known in TABLES if known.name == held_in)
        names = [name for name in held.columns if name not in keys and name != "made_at"]
        period = next(iter(keys))
        periods = f"toUInt16(day) IN ({_list(days)})" if period == "day" else f"hour IN ({_hours(hours_s)})"
        zeros = ", ".join(f"CAST(0 AS {held.columns[name]}) AS {name}" for name in names)
        of_events = ", ".join(f"{said} AS {name}_" for name, said in keys.items())
        grouped = ", ".join(f"{name}_" for name in keys)
        typed = ", ".join(f"CAST(ifNull({name}, 0) AS {held.columns[name]}) AS {name}" for name in names)
        keyed = ", ".join(f"{name}_ AS {name}" for name in keys)
        total = ", ".join(f"sum({name})" for name in names)
        of_keys = ", ".join(keys)
        self._server.ask(
            f"INSERT INTO {database}.{table} ({of_keys}, {', '.join(names)}, made_at) "
            f"SELECT {of_keys}, {total}, toUInt64({self._made_at}) FROM ("
            f"SELECT {of_keys}, {zeros} FROM {database}.{held_in} FINAL WHERE {periods} "
            f"UNION ALL SELECT {keyed}, {typed} FROM ("
            f"SELECT {of_events}, {sums} FROM {database}.{EVENTS} FINAL "
            f"WHERE event_hour IN ({_hours(hours_s)}) AND {which} GROUP BY {grouped})) GROUP BY {of_keys}",
            **self._server.of_inserts,
        )


def _hours(hours_s: Sequence[int]) -> str:
    return ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours_s)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _is_erasure(reasons: Sequence[str]) -> bool:
    return any(reason.startswith(ERASURE) for reason in reasons)
