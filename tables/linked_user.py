"""A user together with what their linked guests did: a pure function of rows, made whenever somebody reads the user.

Nothing is written back. The user's row is folded from the user's events alone and the guest's from the guest's, so that
signals, deltas and rows are the same with a link and without it, whenever it arrives; what a user did is the union:

    history        each item once: what all events about it say together (`tables.engagement_state`), at its newest time
    met, used      of any of them, the newest hour
    unfinished     the newest entry of each item
    sums           added up, by hour of day and day of the week too; decayed weights at the newest of their times
    session        the newest; the number of sessions is the sum
    attributes     of whoever did something last
    searches       each query once, at its newest time

The order of the guests makes no difference, and a guest without a row makes none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce

import msgspec

from tables.activity import KEPT_DEVICES, WATCH_DAYS, ActivityRow, decayed_weight
from tables.continue_watching import MAX_ENTRIES, ContinueWatching, WatchingRow
from tables.engagement_state import code_after
from tables.guest_part import GuestPart
from tables.history import History
from tables.recent_searches import newest
from tables.seen import Seen
from tables.session import SessionRow
from tables.user import User
from tables.user_row import BehaviourRow, UserRow


def linked_user(user_id: str, own: User | None, parts: Iterable[GuestPart], history_limit: int) -> User:
    """The user as readers see them; `own` (None = no row of their own) is not changed. Counters of the log's records,
    ids for dedupe and rates are those of the own row; `last_offset` is -1 without one."""
    user = User.new(user_id, history_limit)
    guests = sorted(parts, key=msgspec.msgpack.encode)
    rows: list[UserRow | GuestPart] = [*([own.row] if own else []), *guests]
    if own is not None:
        user.row = msgspec.structs.replace(own.row)
        user.dedupe = own.dedupe
    row = user.row
    row.folded = sum(one.folded for one in rows)
    row.last_event_ms = max(one.last_event_ms for one in rows)
    row.last_append_ms = max(one.last_append_ms for one in rows)
    row.country = _newest([(one.last_event_ms, one.country) for one in rows])
    row.language = _newest([(one.last_event_ms, one.language) for one in rows])
    row.device_type = _newest([(one.last_event_ms, one.device_type) for one in rows])
    row.behaviour = BehaviourRow(
        _session([one.behaviour.session for one in rows]),
        _activity([(one.last_event_ms, one.behaviour.activity) for one in rows]),
        newest([search for one in rows for search in one.behaviour.searches]),
    )
    histories = [*([own.history] if own else []), *(History.from_row(one.history, history_limit) for one in guests)]
    user.history = _history(histories, history_limit)
    unfinished = [entry for one in guests for entry in one.watching]
    user.watching = _watching([*(own.watching.to_rows() if own else []), *unfinished])
    user.seen = _seen(own.seen if own else Seen(), guests)
    return user


def _newest(said: Iterable[tuple[int, str]]) -> str:
    """Of what was said at those times the newest that says anything."""
    return max(((at_ms, value) for at_ms, value in said if value), default=(0, ""))[1]


def _history(histories: Iterable[History], limit: int) -> History:
    entries: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for history in histories:
        for item_id, (at_ms, code) in history.entries.items():
            entries[item_id].append((at_ms, code, history.watches.get(item_id, 0)))
    order: list[tuple[int, str, int]] = []
    watches: dict[str, int] = {}
    for item_id, known in entries.items():
        said = sorted(known)  # oldest first
        code = reduce(lambda before, new: code_after(before, new, late=False), [code for _, code, _ in said])
        order.append((said[-1][0], item_id, code))
        if watched := [watch for _, _, watch in said if watch]:
            watches[item_id] = watched[-1]
    return History.of([(item_id, (at_ms, code)) for at_ms, item_id, code in sorted(order)], watches, limit)


def _watching(entries: Iterable[WatchingRow]) -> ContinueWatching:
    newest: dict[str, WatchingRow] = {}
    for entry in sorted(entries, key=lambda entry: (entry.updated_at_ms, entry.item_id, msgspec.msgpack.encode(entry))):
        newest.pop(entry.item_id, None)
        newest[entry.item_id] = entry
    return ContinueWatching(list(newest.values())[-MAX_ENTRIES:])


def _seen(own: Seen, guests: Iterable[GuestPart]) -> Seen:
    """For reading only: its log is empty, so that no row can be made of it."""
    seen = Seen()
    seen.hours, seen.used = dict(own.hours), set(own.used)
    for guest in guests:
        for item_id, hour, used in zip(guest.met, guest.met_hours, guest.met_used, strict=True):
            seen.hours[item_id] = max(hour, seen.hours.get(item_id, hour))
            if used:
                seen.used.add(item_id)
    return seen


def _session(rows: Sequence[SessionRow]) -> SessionRow:
    newest = max(rows, key=lambda row: (row.last_ms, row.started_ms, row.events, row.finished, row.session_id))
    return msgspec.structs.replace(newest, sessions=sum(row.sessions for row in rows))


def _activity(rows: Sequence[tuple[int, ActivityRow]]) -> ActivityRow:
    every = [row for _, row in rows]
    weight_ms = max(row.weight_ms for row in every)
    days = _days(every)
    devices = [device for _, row in sorted(rows, key=lambda one: (-one[0], one[1].devices)) for device in row.devices]
    hours = [row.hours for row in every if row.hours]
    return ActivityRow(
        watched=sum(row.watched for row in every),
        finished=sum(row.finished for row in every),
        timed=sum(row.timed for row in every),
        timed_s=sum(row.timed_s for row in every),
        newest_watch_day=max(days, default=0),
        watch_days=[days.get(day, 0) for day in range(max(days), min(days) - 1, -1)] if days else [],
        hours=[sum(of_hour) for of_hour in zip(*hours, strict=True)],
        devices=list(dict.fromkeys(devices))[:KEPT_DEVICES],
        ratings=sum(row.ratings for row in every),
        rating_sum=sum(row.rating_sum for row in every),
        weight=sum(decayed_weight(row, weight_ms) for row in every),
        weight_ms=weight_ms,
    )


def _days(rows: Iterable[ActivityRow]) -> dict[int, int]:
    """Items begun by day, of the last days."""
    days: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        for age, count in enumerate(row.watch_days):
            if count:
                days[row.newest_watch_day - age] += count
    newest = max(days, default=0)
    return {day: count for day, count in days.items() if day > newest - WATCH_DAYS}
