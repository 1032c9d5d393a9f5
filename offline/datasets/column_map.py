"""`user=customer,item=sku,time=bought_at:iso`: which column of a file is what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from offline.datasets.dataset import DatasetError
from offline.datasets.times import TimeUnit

EVENT_FIELDS: Final = ("user", "item", "time", "rating")
ITEM_FIELDS: Final = ("item", "title", "description", "genres", "cast", "director", "year", "language")
_NEEDED_EVENT_FIELDS: Final = ("user", "item", "time")
_NEEDED_ITEM_FIELDS: Final = ("item",)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`columns` maps what we call a field to what the file calls it; `time_unit` None = told by the first value."""

    columns: Mapping[str, str]
    time_unit: TimeUnit | None = None

    @classmethod
    def of_events(cls, text: str) -> "ColumnMap":
        """The columns of an events file. Raises `DatasetError`.

        >>> ColumnMap.of_events("user=u,item=i,time=at:ms").columns
        {'user': 'u', 'item': 'i', 'time': 'at'}
        """
        columns = _parsed(text, EVENT_FIELDS, _NEEDED_EVENT_FIELDS)
        name, _, unit = columns["time"].rpartition(":")
        if name and unit in list(TimeUnit):
            return cls({**columns, "time": name}, TimeUnit(unit))
        return cls(columns)

    @classmethod
    def of_items(cls, text: str) -> "ColumnMap":
        """The columns of an items file. Raises `DatasetError`."""
        return cls(_parsed(text, ITEM_FIELDS, _NEEDED_ITEM_FIELDS))


def _parsed(text: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for part in text.split(","):
        field, equals, name = (word.strip() for word in part.partition("="))
        if not equals or not name:
            raise DatasetError(f"--columns: {part!r} is not of the form field=column")
        if field not in allowed:
            raise DatasetError(f"--columns: no field {field!r}; there are {', '.join(allowed)}")
        if field in columns:
            raise DatasetError(f"--columns: {field} is given twice")
        columns[field] = name
    missing = [field for field in needed if field not in columns]
    if missing:
        raise DatasetError(f"--columns: {', '.join(missing)} must be named")
    return columns
