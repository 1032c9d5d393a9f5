"""Times as files write them: seconds or milliseconds since the epoch, or ISO 8601."""

import datetime
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

#: 3 March 1973. The log takes smaller numbers for seconds; as seconds larger ones would be after the year 5138.
_LEAST_MS: Final = 100_000_000_000
_LATEST_MS: Final = 4_102_444_800_000  # the year 2100
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class TimeUnit(StrEnum):
    """What a time column holds."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    ISO = "iso"


def detect(value: Any) -> TimeUnit:
    """The unit that the first value of a column speaks for.

    >>> detect("880000100").value, detect(1_700_000_000_000).value, detect("2010-12-09 20:01").value
    ('s', 'ms', 'iso')
    """
    try:
        number = _number(value)
    except (TypeError, ValueError):
        return TimeUnit.ISO
    return TimeUnit.MILLISECONDS if number >= _LEAST_MS else TimeUnit.SECONDS


def milliseconds_of(value: Any, unit: TimeUnit) -> int:
    """Milliseconds since the epoch. Raises ValueError unless the time is from March 1973 to 2099.

    >>> milliseconds_of("880000100.5", TimeUnit.SECONDS), milliseconds_of("2001-01-01T01:00:00+01:00", TimeUnit.ISO)
    (880000100500, 978307200000)
    """
    time_ms = _READ[unit](value)
    if not _LEAST_MS <= time_ms < _LATEST_MS:
        raise ValueError(f"time {value!r} is not between March 1973 and 2100 (read as {unit.value})")
    return time_ms


def _number(value: Any) -> float:
    """Text may have a comma for its point; a truth value is no number."""
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    if isinstance(value, str) and value.count(",") == 1 and "." not in value:
        value = value.replace(",", ".")
    return float(value)


def _seconds(value: Any) -> int:
    try:
        return round(_number(value) * 1000)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"time {value!r} is not a number of seconds") from None


def _milliseconds(value: Any) -> int:
    try:
        return round(_number(value))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"time {value!r} is not a number of milliseconds") from None


def _iso(value: Any) -> int:
    """A time without a zone is taken as UTC. A number is none: `20231114` would be read as a day by the rules."""
    if not isinstance(value, datetime.date | str) or (isinstance(value, str) and value.strip().lstrip("-").isdecimal()):
        raise ValueError(f"time {value!r} is not ISO 8601")
    try:
        moment = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"time {value!r} is not ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return round((moment - _EPOCH) / datetime.timedelta(milliseconds=1))


_READ: Final[dict[TimeUnit, Callable[[Any], int]]] = {
    TimeUnit.SECONDS: _seconds,
    TimeUnit.MILLISECONDS: _milliseconds,
    TimeUnit.ISO: _iso,
}
