"""The elements of one JSON array that arrives in pieces, as the bytes that somebody wrote, one in memory at a time.

Not by a library that parses as it reads (ijson): those give Python values, and what is published is what the producer
wrote, with its numbers, its escapes and its members that stand twice. So elements are only told apart here, by the
brackets and commas outside of texts, and each is checked by the parser that reads records.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from streams.contract.plain_bytes import UnreadableInput
from streams.contract.wire import MAX_RECORD_BYTES

_BLANK: Final = b" \t\r\n"
#: The rest of a longer element is dropped while reading: it is refused as too large anyway.
_KEPT_BYTES: Final = MAX_RECORD_BYTES + 1
_OUTSIDE_TEXTS: Final = re.compile(rb'["\[\]{},]')
_WITHIN_A_TEXT: Final = re.compile(rb'["\\]')


class ArrayElements:
    """Tells elements apart. `feed` and `end` raise `UnreadableInput` where it is no array."""

    def __init__(self) -> None:
        self.count = 0  # elements given so far
        self._kept = bytearray()  # of the element that is not complete
        self._left_out = False  # some of it
        self._depth = 0  # open brackets; 0 before the array and behind it
        self._in_text = self._escaped = False
        self._begun = self._after_comma = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The elements that end in the next piece."""
        start = place = 0
        while place < len(piece):
            if self._escaped:
                self._escaped = False
                place += 1
                continue
            found = (_WITHIN_A_TEXT if self._in_text else _OUTSIDE_TEXTS).search(piece, place)
            if found is None:
                break
            mark, place = found[0], found.end()
            if self._in_text:
                self._escaped, self._in_text = mark == b"\\", mark != b'"'
            elif mark == b'"':
                self._in_text = True
            elif mark in b"[{":
                if self._depth == 0:
                    self._begin(piece[start : place - 1], mark)
                    start = place
                self._depth += 1
            elif mark == b"," and self._depth == 1:
                self._keep(piece[start : place - 1])
                start = place
                yield self._element()
                self._after_comma = True
            elif mark in b"]}":
                if self._depth == 1:
                    self._keep(piece[start : place - 1])
                    start = place
                    yield from self._last(mark)
                self._depth -= 1
        self._keep(piece[start:])

    def end(self) -> None:
        """Nothing more comes."""
        if self._depth or not self._begun:
            raise self._none("it is cut off")
        self._expect_blank()

    def _begin(self, before: bytes, mark: bytes) -> None:
        self._keep(before)
        self._expect_blank()
        if self._begun or mark != b"[":
            raise self._none("something stands outside of it")
        self._begun = True

    def _keep(self, part: bytes) -> None:
        room = _KEPT_BYTES - len(self._kept)
        self._left_out |= len(part) > room
        self._kept += part[:room]

    def _expect_blank(self) -> None:
        if self._kept.strip(_BLANK):
            raise self._none("something stands outside of it")
        self._kept.clear()

    def _last(self, mark: bytes) -> Iterator[bytes]:
        if mark != b"]":
            raise self._none("a bracket does not fit")
        if self._after_comma or self._left_out or self._kept.strip(_BLANK):
            yield self._element()
        self._kept.clear()

    def _element(self) -> bytes:
        element, cut = bytes(self._kept.strip(_BLANK)), self._left_out
        self._kept.clear()
        self._left_out = False
        if not cut:
            try:
                msgspec.json.decode(element, type=msgspec.Raw)
            except msgspec.DecodeError as problem:
                raise self._none(f"element {self.count + 1}: {problem}") from None
        self.count += 1
        return element

    def _none(self, why: str) -> UnreadableInput:
        return UnreadableInput(f"it begins like a JSON array and is none: {why}")
