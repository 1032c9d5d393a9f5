"""MovieLens 1M (GroupLens): 1,000,209 ratings of 6,040 people for 3,706 films, in order but without their times.

The folder holds ratings_in_order.parquet (user_id, item_id, rating, seq), movies.dat and users.dat (`::`, latin-1).
The order inside a user is the true one, users follow one another; `seq` serves as a clock that ticks once a second.
The data may not be redistributed: point us at your copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_titles import readable_title, year_of
from offline.datasets.parquet import parquet_rows
from offline.datasets.rows import EventRow, ItemRow, ProfileRow

NAME: Final = "ml-1m"
#: When the rating with `seq` 0 is said to have been given: 1 January 2001. Publishing shifts the last one to now.
PSEUDO_START_MS: Final = 978_307_200_000
_RATINGS, _MOVIES, _USERS = "ratings_in_order.parquet", "movies.dat", "users.dat"
_ENCODING: Final = "latin-1"
_AGE_GROUPS: Final = {
    "1": "0-17",
    "18": "18-24",
    "25": "25-34",
    "35": "35-44",
    "45": "45-54",
    "50": "45-54",
    "56": "55+",
}


@dataclass(frozen=True)
class MovieLens1M:
    """The data set in one folder. Every method reads its file anew."""

    folder: Path

    @classmethod
    def find(cls, place: Path) -> "MovieLens1M":
        """The data set in `place` or in `place`/ml-1m. Raises `DatasetError` when a file is missing."""
        for folder in (place, place / NAME):
            if (folder / _RATINGS).is_file():
                missing = [name for name in (_MOVIES, _USERS) if not (folder / name).is_file()]
                if missing:
                    raise DatasetError(f"{folder} lacks {', '.join(missing)}")
                return cls(folder)
        raise DatasetError(
            f"no MovieLens 1M in {place}: neither {place / _RATINGS} nor {place / NAME / _RATINGS} exists"
        )

    def events(self) -> Iterator[EventRow]:
        """All ratings in their order, a second apart."""
        path = self.folder / _RATINGS
        rows = parquet_rows(path, ("seq", "user_id", "item_id", "rating"))
        for seq, user, item, rating in sorted(rows):
            yield EventRow(
                f"{NAME}:{seq}", "rating", str(user), PSEUDO_START_MS + seq * 1000, item_id=str(item), rating=rating
            )

    def items(self) -> Iterator[ItemRow]:
        """All films, in the order of the file."""
        for item_id, title, genres in self._fields(_MOVIES, 3):
            yield ItemRow(
                item_id,
                readable_title(title),
                genres=tuple(genres.split("|")),
                year=year_of(title),
                item_type="movie",
            )

    def profiles(self) -> Iterator[ProfileRow]:
        """All people. Gender, occupation and zip code have no place in a profile."""
        for number, (user_id, _, age, _, _) in enumerate(self._fields(_USERS, 5), start=1):
            if age not in _AGE_GROUPS:
                raise DatasetError(f"{self.folder / _USERS}, line {number}: no such age group: {age!r}")
            yield ProfileRow(user_id, age_group=_AGE_GROUPS[age])

    def _fields(self, name: str, count: int) -> Iterator[list[str]]:
        path = self.folder / name
        with path.open(encoding=_ENCODING) as lines:
            for number, line in enumerate(lines, start=1):
                fields = line.rstrip("\n").split("::")
                if len(fields) != count:
                    raise DatasetError(f"{path}, line {number}: {len(fields)} fields instead of {count}")
                yield fields
