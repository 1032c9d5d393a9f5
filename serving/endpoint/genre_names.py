"""The names of genres that cards hold, by how they are typed: rows of genres have the catalogue's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Of so many genres and more the rest is found as it is written alone.
MAX_NAMES: Final = 5_000


class GenreNames:
    """Learns names, and forgets none: the row of a genre that no item has any more is gone by itself."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._known: set[str] = set()

    def learn(self, genres: Iterable[str]) -> None:
        """What an item says."""
        for name in genres:
            if name not in self._known and len(self._known) < MAX_NAMES:
                self._known.add(name)
                typed = name.casefold()
                self._names[typed] = (*self._names.get(typed, ()), name)

    def names_of(self, typed: str) -> tuple[str, ...]:
        """As the catalogue writes a genre.

        >>> names = GenreNames()
        >>> names.learn(("War", "Sci-Fi", "WAR"))
        >>> names.names_of("war"), names.names_of("sci-FI"), names.names_of("none")
        (('War', 'WAR'), ('Sci-Fi',), ())
        """
        return self._names.get(typed.casefold(), ())
