"""What a reader was shown, for those who count and publish it."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from streams.contract.served import Algorithm, Surface

#: What lists of a former release, which name no algorithm, say by their reasons.
_BY_REASON: Final = {
    "trending": Algorithm.TRENDING,
    "popular": Algorithm.POPULAR,
    "explore": Algorithm.EXPLORE,
    "new": Algorithm.RULE,
    "seen_again": Algorithm.RULE,
}
_BEGUN: Final = "continue_watching"


class ShownAnswer(NamedTuple):
    """One answer: `head` is its JSON object, not closed, which begins with user and recommendation id; `items` are its
    joined fragments, or its sections. `surface` says which route answered,
    `is_fallback` that it is not what was asked for, but what there was instead."""

    at_ms: int
    parameters: dict[str, Any]
    source: str
    head: bytes
    items: bytes
    surface: Surface = Surface.RECOMMENDATIONS
    is_fallback: bool = False


class _ShownItem(msgspec.Struct, gc=False):
    """An item as its fragment says it, to be completed: the same fields as a `ServedItem`, and made into none, because
    that would double the cost."""

    item_id: str
    position: int = 0
    score: float = 0.0
    algorithm: str = ""
    row: str = ""


class _Section(msgspec.Struct, gc=False):
    """A row of a page."""

    id: str
    items: list[_ShownItem]


class _Reason(msgspec.Struct, gc=False):
    """What a fragment of a former release says instead of an algorithm."""

    reason_code: str = ""


class _Reasons(msgspec.Struct, gc=False):
    """The same of a row."""

    items: list[_Reason]


_ITEMS: Final = msgspec.json.Decoder(list[_ShownItem])
_SECTIONS: Final = msgspec.json.Decoder(list[_Section])
_ENCODER: Final = msgspec.json.Encoder()
_ALGORITHM: Final = attrgetter("algorithm")


def served_items(shown: ShownAnswer) -> bytes:
    """The JSON array of the items that were shown, each with where, how high and by which generator."""
    array = b"[%b]" % shown.items
    if shown.surface is Surface.HOMEPAGE:
        items = []
        for section in _SECTIONS.decode(array):
            for place, item in enumerate(section.items):
                item.position, item.row = place, section.id
            items += section.items
    else:
        row = _BEGUN if shown.surface is Surface.CONTINUE_WATCHING else ""
        items = _ITEMS.decode(array)
        place = shown.parameters.get("offset", 0)
        for item in items:
            item.position, item.row = place, row
            place += 1
    if "" in map(_ALGORITHM, items):
        _complete(items, _reasons(array, shown.surface))
    return _ENCODER.encode(items)


def _reasons(array: bytes, surface: Surface) -> list[_Reason]:
    if surface is Surface.HOMEPAGE:
        return [reason for row in msgspec.json.decode(array, type=list[_Reasons]) for reason in row.items]
    return msgspec.json.decode(array, type=list[_Reason])


def _complete(items: list[_ShownItem], reasons: list[_Reason]) -> None:
    for item, reason in zip(items, reasons, strict=True):
        if not item.algorithm:
            item.algorithm = Algorithm.RULE if item.row == _BEGUN else _BY_REASON.get(reason.reason_code, "")
