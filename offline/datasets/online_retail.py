"""Online Retail II (UCI, CC BY 4.0), December 2009 to December 2010: what customers of a gift shop bought.

The folder holds online_retail_II_2009_2010.parquet. Kept are rows with a customer and a quantity above 0 (the others
are cancelled). A basket is many purchases at one instant; times are taken as UTC.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offline.datasets.country_codes import COUNTRY_CODES
from offline.datasets.dataset import DatasetError
from offline.datasets.parquet import parquet_rows
from offline.datasets.rows import EventRow, ItemRow, ProfileRow

NAME: Final = "online-retail"
_FILE: Final = "online_retail_II_2009_2010.parquet"


@dataclass(frozen=True)
class OnlineRetail:
    """The data set in one folder. Every method reads the file anew."""

    folder: Path

    @classmethod
    def find(cls, place: Path) -> "OnlineRetail":
        """The data set in `place` or in `place`/online-retail. Raises `DatasetError` when there is none."""
        for folder in (place, place / NAME):
            if (folder / _FILE).is_file():
                return cls(folder)
        raise DatasetError(f"no Online Retail II in {place}: neither {place / _FILE} nor {place / NAME / _FILE} exists")

    def events(self) -> Iterator[EventRow]:
        """All purchases by time; of one instant in the order of the file."""
        yield from sorted(self._purchases(), key=lambda event: event.timestamp)

    def _purchases(self) -> Iterator[EventRow]:
        path = self.folder / _FILE
        rows = parquet_rows(path, ("StockCode", "InvoiceDate", "Customer ID", "Quantity", "Country"))
        for number, (item, day, customer, quantity, country) in enumerate(rows, start=1):
            if customer is None or quantity <= 0:
                continue
            try:
                moment = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
            except ValueError as problem:
                raise DatasetError(f"{path}, row {number}: {problem}") from None
            timestamp_ms = int(moment.timestamp()) * 1000
            yield EventRow(
                f"{NAME}:{number}",
                "purchase",
                str(int(customer)),
                timestamp_ms,
                item_id=item.strip(),
                country=COUNTRY_CODES.get(country),
            )

    def items(self) -> Iterator[ItemRow]:
        """Every product that somebody bought, under the description it mostly had."""
        descriptions: defaultdict[str, Counter[str]] = defaultdict(Counter)
        rows = parquet_rows(self.folder / _FILE, ("StockCode", "Description", "Customer ID", "Quantity"))
        for item, description, customer, quantity in rows:
            if customer is not None and quantity > 0:
                descriptions[item.strip()][" ".join((description or item).split())] += 1
        for item, counts in descriptions.items():
            yield ItemRow(item, counts.most_common(1)[0][0], item_type="product")

    def profiles(self) -> Iterator[ProfileRow]:
        """None: nothing is known of the customers but their country, which is in the events."""
        return iter(())
