"""Values of somebody's tables: ids, numbers, names. Each function raises `BadValue`, which says what was there."""

import decimal
import math
import re
from collections.abc import Collection
from typing import Any, Final

from offline.datasets.bad_rows import BadValue
from offline.datasets.parquet import Unreadable

#: What exports write for nothing. As an id each of them would be one user with the events of many.
_NOTHING: Final = frozenset({"null", "nan", "none", "<na>", "nat", "\\n"})
_INTEGRAL: Final = re.compile(r"(-?[0-9]+)\.0+")


def is_absent(value: Any) -> bool:
    """Whether there is nothing: None, a float's NaN, or a word for it."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def given(value: Any) -> Any:
    """The value, None when there is nothing."""
    return None if is_absent(value) else value


def id_of(value: Any, what: str) -> str:
    """An id: text as it is, numbers without a fraction as integers.

    >>> id_of(3.0, "user"), id_of(7, "user"), id_of("3.0", "user")
    ('3', '7', '3.0')
    """
    if is_absent(value):
        raise BadValue(f"no {what}" if value is None else f"no {what}, but {value!r}")
    if isinstance(value, bytes):
        value = _decoded(value, what)
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise BadValue(f"{value!r} is no {what}")
    whole = int(value) if math.isfinite(value) else None
    return str(whole) if whole == value else str(value)


def number_of(value: Any, what: str) -> float:
    """A finite number; text may have a comma for its point.

    >>> number_of("4,5", "rating"), number_of(4, "rating")
    (4.5, 4.0)
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        number = math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadValue(f"{what} {value!r} is not a number")
    return number


def year_of(value: Any) -> int | None:
    """A year of the calendar."""
    if given(value) is None:
        return None
    year = number_of(value, "year")
    if not year.is_integer() or not 0 <= year <= 9999:
        raise BadValue(f"year {value!r} is none from 0 to 9999")
    return int(year)


def text_of(value: Any, what: str) -> str | None:
    """Text, or a number as text."""
    if given(value) is None:
        return None
    if isinstance(value, bytes):
        return _decoded(value, what)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return id_of(value, what)
    raise BadValue(f"{what} {value!r} is no text")


def names_of(value: Any, what: str) -> tuple[str, ...]:
    """Names in one value, separated by `|`, or a list of them."""
    if isinstance(value, Unreadable) or not (given(value) is None or isinstance(value, str | list | tuple)):
        raise BadValue(f"{what} {value!r} are no names")
    if given(value) is None:
        return ()
    names = value.split("|") if isinstance(value, str) else value
    for name in names:
        if not isinstance(name, str):
            raise BadValue(f"{what} {list(names)!r} hold {name!r}, which is no name")
    return tuple(name.strip() for name in names if name.strip())


class SameIds:
    """Ids that one file wrote as numbers with a fraction and another one without: `3.0` is `3` where that is what both
    can only mean. Made of the ids of the items file."""

    def __init__(self, described: Collection[str]) -> None:
        self._both = {text for text in described if _whole(text) in described and _whole(text) != text}
        self._known = frozenset(map(self._plain, described))

    def of_described(self, item_id: str) -> str:
        """The id under which an item of the items file is known: without `.0`, unless it has both as two items."""
        return self._plain(item_id)

    def of_event(self, item_id: str) -> str:
        """The id under which the item of an event is known."""
        if item_id in self._both:
            return item_id
        whole = _whole(item_id)
        return whole if whole in self._known else item_id

    def _plain(self, text: str) -> str:
        return text if text in self._both else _whole(text)


def _whole(text: str) -> str:
    found = _INTEGRAL.fullmatch(text)
    return found[1] if found else text


def _decoded(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadValue(f"{what} {value[:40]!r} is no text in UTF-8") from None
