"""What other writers of JSON mean by `3.0` and `""`: the second reading of a record that strict types refuse.

To JSON Schema `3.0` is an integer, and many languages have no other numbers; exports write `""` for what is not there.
Records with neither, the most, never come here. Only the fields that are known are looked at, and lists in them.
"""

import math
from collections.abc import Container
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

#: Larger numbers are no float, and nothing that we read is that large.
_MAX_EXPONENT: Final = 308


def _exact(literal: str) -> Decimal | float:
    """Digits beyond a float's would make one id of two."""
    try:
        return Decimal(literal)
    except InvalidOperation:  # an exponent of 19 digits and more
        return float(literal)


_ANYTHING: Final = msgspec.json.Decoder(float_hook=_exact)


def read_leniently(value: bytes, fields: Container[str]) -> dict[str, Any] | None:
    """The record with integers for integral numbers and without fields that are `""`; None when that changes nothing.

    `value` is valid JSON. Only `fields` are in the result.

    >>> fields = {"position", "session_id", "rating"}
    >>> read_leniently(b'{"position": 3.0, "session_id": "", "rating": 4.5, "unknown": ""}', fields)
    {'position': 3, 'rating': 4.5}
    >>> read_leniently(b'{"position": 3.5}', fields) is None
    True
    """
    record = _ANYTHING.decode(value)
    if not isinstance(record, dict):
        return None
    given = {name: held for name, held in record.items() if name in fields}
    try:
        kept = {name: _plain(held, outermost=True) for name, held in given.items() if held != ""}
    except OverflowError:
        return None
    is_changed = len(kept) < len(given) or any(_has_integral(held) for held in given.values())
    return kept if is_changed else None


def _has_integral(held: Any) -> bool:
    return any(map(_is_integral, held)) if isinstance(held, list) else _is_integral(held)


def _is_integral(held: Any) -> bool:
    return isinstance(held, Decimal) and held.adjusted() <= _MAX_EXPONENT and held == held.to_integral_value()


def _plain(held: Any, *, outermost: bool = False) -> Any:
    """Without decimals: integers on top and in a list there, floats below (in `attributes`, which pass through)."""
    if isinstance(held, Decimal):
        return int(held) if outermost and _is_integral(held) else _float(held)
    if isinstance(held, list):
        return [_plain(each, outermost=outermost and isinstance(each, Decimal)) for each in held]
    if isinstance(held, dict):
        return {name: _plain(each) for name, each in held.items()}
    return held


def _float(number: Decimal) -> float:
    nearest = float(number)
    if math.isinf(nearest):
        raise OverflowError(f"{number} is no float")
    return nearest
