"""Counts by day for the last days: `days[k]` belongs to day `newest - k` (days since the epoch, UTC)."""


def count_day(newest: int, days: list[int], day: int, events: int, kept: int) -> tuple[int, list[int]]:
    """Count `events` (1 or more) on `day`; returns the new (newest, days), changing the list or making a new one.

    The result does not depend on the order of calls: a day is kept exactly when it is within `kept` days of the
    newest one, and the last element is never 0.

    >>> count_day(10, [1, 0, 4], 12, 5, kept=4)
    (12, [5, 0, 1])
    """
    if not days:
        return day, [events]
    if day > newest:
        gap = min(day - newest, kept)
        days = [events, *[0] * (gap - 1), *days][:kept]
        while days[-1] == 0:
            days.pop()
        return day, days
    age = newest - day
    if age < kept:
        days += [0] * (age + 1 - len(days))
        days[age] += events
    return newest, days


def sum_days(newest: int, days: list[int], today: int, window: int) -> int:
    """Events of the last `window` days up to and including `today`; days ahead of it count as today.

    >>> sum_days(12, [5, 0, 1], today=13, window=3)
    5
    """
    first = max(0, window - max(0, today - newest))
    return sum(days[:first])
