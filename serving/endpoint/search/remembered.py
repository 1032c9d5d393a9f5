"""What was found last, of so many queries as fit: people type the same beginnings."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from serving.endpoint.search.text_index import Match

#: Of all queries together: 30 MB at 150 bytes.
MAX_MATCHES: Final = 200_000
#: What a query costs by itself, in matches: eight words of 32 characters, and its places.
QUERY_COST: Final = 20

#: The version, the words, how many items were asked for, and whether words may have wrong letters.
QueryName = tuple[str, tuple[str, ...], int, bool]


class RememberedMatches:
    """`size` is what is remembered, in matches; what was kept longest ago goes first."""

    def __init__(self) -> None:
        self.size = 0
        self._found: OrderedDict[QueryName, list[Match]] = OrderedDict()
        #: What was found; None = not remembered.
        self.get = self._found.get

    def keep(self, name: QueryName, found: list[Match]) -> None:
        """Remembers what was found."""
        self._forget(name)
        self._found[name] = found
        self.size += len(found) + QUERY_COST
        while self.size > MAX_MATCHES:
            self._forget(next(iter(self._found)))

    def clear(self) -> None:
        """Forgets everything."""
        self._found.clear()
        self.size = 0

    def _forget(self, name: QueryName) -> None:
        if (found := self._found.pop(name, None)) is not None:
            self.size -= len(found) + QUERY_COST
