"""What a reader was shown, for those who count and publish it."""

from __future__ import annotations

from typing import Any, NamedTuple

LIST = "list"
PAGE = "page"  # rows of items, one after the other; `limit` is per row


class ShownAnswer(NamedTuple):
    """One answer: `head` is its JSON object, not closed, `items` its joined fragments, those of all rows of a page.
    `surface` says what was answered: a list, or a whole page."""

    at_ms: int
    parameters: dict[str, Any]
    source: str
    head: bytes
    items: bytes
    surface: str = LIST
