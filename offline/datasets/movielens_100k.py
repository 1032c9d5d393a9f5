"""MovieLens 100K (GroupLens): 100,000 ratings of 943 people for 1,682 films, with true timestamps.

The folder holds u.data (user, item, rating, seconds; tab), u.item (`|`, latin-1: title, release day, 19 genre flags),
u.genre and u.user (`|`: age, gender, occupation, zip). The data may not be redistributed: point us at your copy.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_titles import readable_title, year_of
from offline.datasets.rows import EventRow, ItemRow, ProfileRow

NAME: Final = "ml-100k"
_FILES: Final = ("u.data", "u.item", "u.genre", "u.user")
_ENCODING: Final = "latin-1"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AGE_GROUPS: Final = ((18, "0-17"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (999, "55+"))

Row = TypeVar("Row")


@dataclass(frozen=True)
class MovieLens100K:
    """The data set in one folder. Every method reads its file anew."""

    folder: Path

    @classmethod
    def find(cls, place: Path) -> "MovieLens100K":
        """The data set in `place` or in `place`/ml-100k. Raises `DatasetError` when a file is missing."""
        for folder in (place, place / NAME):
            if (folder / "u.data").is_file():
                missing = [name for name in _FILES if not (folder / name).is_file()]
                if missing:
                    raise DatasetError(f"{folder} lacks {', '.join(missing)}")
                return cls(folder)
        raise DatasetError(
            f"no MovieLens 100K in {place}: neither {place / 'u.data'} nor {place / NAME / 'u.data'} exists"
        )

    def events(self) -> Iterator[EventRow]:
        """All ratings in the order they were given, with their true timestamps of 1997 and 1998.

        The event id is the data set's name and the line in u.data, so that loading twice counts once.
        """
        # Stable: the file's order decides between ratings of the same second.
        yield from sorted(self._parsed("u.data", "\t", _event), key=lambda event: event.timestamp)

    def items(self) -> Iterator[ItemRow]:
        """All films, in the order of their ids."""
        genres = list(self._parsed("u.genre", "|", lambda _, fields: fields[0]))
        return self._parsed("u.item", "|", lambda _, fields: _item(fields, genres))

    def profiles(self) -> Iterator[ProfileRow]:
        """All people. Gender, occupation and zip code have no place in a profile."""
        return self._parsed("u.user", "|", _profile)

    def _parsed(self, name: str, separator: str, parse: Callable[[int, list[str]], Row]) -> Iterator[Row]:
        """What `parse` makes of the number (from 1) and the fields of every line that is not empty."""
        path = self.folder / name
        with path.open(encoding=_ENCODING) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        row = parse(number, line.rstrip("\n").split(separator))
                    except (ValueError, IndexError) as problem:
                        raise DatasetError(f"{path}, line {number}: {problem}") from None
                    yield row


def _event(line: int, fields: list[str]) -> EventRow:
    user, item, rating, seconds = fields
    return EventRow(f"{NAME}:{line}", "rating", user, int(seconds) * 1000, item_id=item, rating=float(rating))


def _item(fields: list[str], genres: list[str]) -> ItemRow:
    item_id, raw_title, day = fields[0], fields[1], fields[2]
    flags = fields[len(fields) - len(genres) :]
    return ItemRow(
        item_id,
        title=readable_title(raw_title),
        genres=tuple(name for name, flag in zip(genres, flags, strict=True) if flag == "1" and name != "unknown"),
        year=year_of(raw_title),
        released_at=_iso_day(day) if day else None,
        item_type="movie",
    )


def _iso_day(day: str) -> str:
    """`01-Jan-1995` as `1995-01-01`, whatever the locale."""
    number, month, year = day.split("-")
    return datetime.date(int(year), _MONTHS.index(month) + 1, int(number)).isoformat()


def _profile(_: int, fields: list[str]) -> ProfileRow:
    user_id, age = fields[0], int(fields[1])
    return ProfileRow(user_id, age_group=next(name for below, name in _AGE_GROUPS if age < below))
