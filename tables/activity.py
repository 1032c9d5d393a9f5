"""How a user behaves, as sums from which features are computed: watching, hours of the day, devices, ratings."""

from math import exp

import msgspec

from streams.contract.events import EventType, Interaction
from streams.contract.units import DAY_MS, HOUR_MS
from tables.day_counts import count_day
from tables.row_codec import Real, Whole

KEPT_DEVICES = 5
WATCH_DAYS = 7
#: Weight of an event for the engagement score shrinks by e^(-0.05) a day: by half in two weeks.
DECAY_PER_DAY = 0.05


class ActivityRow(msgspec.Struct, array_like=True, gc=False):
    """Part of a user's row. `watched` counts items begun, `finished` those watched to their end (a re-watch counts
    again); `timed` watch_end events lasted `timed_s` seconds together; `newest_watch_day` and `watch_days` count items
    begun by day over a week; `hours` counts events by UTC hour of day; `devices` newest first; `ratings` ratings sum
    to `rating_sum`; `weight` is the decayed sum of positive event weights as of `weight_ms`."""

    watched: Whole = 0
    finished: Whole = 0
    timed: Whole = 0
    timed_s: Real = 0.0
    newest_watch_day: Whole = 0
    watch_days: list[Whole] = []
    hours: list[Whole] = []
    devices: list[str] = []
    ratings: Whole = 0
    rating_sum: Real = 0.0
    weight: Real = 0.0
    weight_ms: Whole = 0


def step(row: ActivityRow, event: Interaction, weight: int, *, begins: bool, finishes: bool) -> None:
    """Follow one event that is stronger than an impression, of a `weight` (0 or more); `begins` says whether it begins
    a watch, and `finishes` whether it ends one that was not ended."""
    if begins:
        row.watched += 1
        day = event.timestamp_ms // DAY_MS
        row.newest_watch_day, row.watch_days = count_day(row.newest_watch_day, row.watch_days, day, 1, WATCH_DAYS)
    if finishes:
        row.finished += 1
    if event.watch_duration_s is not None and event.event_type is EventType.WATCH_END:
        row.timed += 1
        row.timed_s += event.watch_duration_s
    if event.rating is not None and event.event_type is EventType.RATING:
        row.ratings += 1
        row.rating_sum += event.rating
    if event.device_type:
        _remember_device(row, event.device_type)
    if not row.hours:
        row.hours = [0] * 24
    row.hours[event.timestamp_ms // HOUR_MS % 24] += 1
    _add_weight(row, weight, event.timestamp_ms)


def _remember_device(row: ActivityRow, device: str) -> None:
    if row.devices[:1] != [device]:
        row.devices = [device, *(known for known in row.devices if known != device)][:KEPT_DEVICES]


def _add_weight(row: ActivityRow, weight: int, at_ms: int) -> None:
    if at_ms == row.weight_ms:
        row.weight += weight
    elif at_ms > row.weight_ms:
        row.weight = decayed_weight(row, at_ms) + weight
        row.weight_ms = at_ms
    else:
        row.weight += weight * exp(-DECAY_PER_DAY * (row.weight_ms - at_ms) / DAY_MS)


def decayed_weight(row: ActivityRow, now_ms: int) -> float:
    """The sum of positive event weights, each times e^(-0.05 * its age in days at `now_ms`)."""
    return row.weight * exp(-DECAY_PER_DAY * max(0, now_ms - row.weight_ms) / DAY_MS)
