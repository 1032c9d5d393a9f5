"""Where a reader is in a list that may be written anew between two pages: what they were shown, not how far they came.

A token holds three bytes of the key of each item that was shown. An item that shares them with one of 400 others, 1 in
40,000, is passed over; none is shown twice.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from typing import Final

from serving.endpoint.parameters import Parameter

FIRST: Final = "first"
_BYTES: Final = 3
_CHARACTERS: Final = 4  # of three bytes
#: Further pages there are none: nobody looks at so many, and addresses must end somewhere.
MAX_SHOWN: Final = 400
_TOKEN: Final = f"(?:{FIRST}|(?:[A-Za-z0-9_-]{{{_CHARACTERS}}}){{1,{MAX_SHOWN}}})"
PAGE: Final = Parameter(
    "page",
    f"`{FIRST}`, or `next_page` of the answer before: no item of the pages before is shown again, however the list was "
    "rewritten in between.",
    {"type": "string", "maxLength": _CHARACTERS * MAX_SHOWN, "pattern": f"^{_TOKEN}$"},
    f"{FIRST} or the next_page of an answer",
    pattern=re.compile(_TOKEN),
    is_ascii=True,
)


def mark_of(key: int) -> bytes:
    """What stands for an item in a token."""
    return key.to_bytes(8, "little")[:_BYTES]


def shown_before(page: str | None) -> frozenset[bytes]:
    """The marks in a token.

    >>> shown_before(token_after(frozenset(), [258])) == {mark_of(258)}
    True
    """
    if page is None or page == FIRST:
        return frozenset()
    marks = urlsafe_b64decode(page)
    return frozenset(marks[start : start + _BYTES] for start in range(0, len(marks), _BYTES))


def token_after(before: frozenset[bytes], keys: Collection[int]) -> str | None:
    """What to ask for the next page with; None = there is none."""
    marks = before | set(map(mark_of, keys))
    if not keys or len(marks) > MAX_SHOWN:
        return None
    return urlsafe_b64encode(b"".join(sorted(marks))).decode()
