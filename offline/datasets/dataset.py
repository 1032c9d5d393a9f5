"""What every data set is: events, items and people as producers would have sent them."""

from collections.abc import Iterator
from typing import Protocol

from offline.datasets.rows import EventRow, ItemRow, ProfileRow


class DatasetError(Exception):
    """The data set is missing or not what it should be; the message says which file and line."""


class Dataset(Protocol):
    """Every method reads its file anew and raises `DatasetError` at the first line that cannot be used."""

    def events(self) -> Iterator[EventRow]:
        """All events, oldest first; those of one instant in the order of the file."""

    def items(self) -> Iterator[ItemRow]:
        """All items that are described."""

    def profiles(self) -> Iterator[ProfileRow]:
        """All people that are described."""
